import { describe, expect, it } from 'vitest';
import { ManualClock } from '../telemetry/testing/manual-clock.ts';
import { Heartbeat } from './heartbeat.ts';

function beat() {
  const clock = new ManualClock();
  const told: string[] = [];
  const heartbeat = new Heartbeat({ clock, ping: () => told.push('ping'), onDead: () => told.push('dead') });
  return { clock, told, heartbeat };
}

describe('Heartbeat', () => {
  it('pings every 5 s while the other side answers', () => {
    const { clock, told, heartbeat } = beat();
    for (let n = 0; n < 4; n += 1) {
      clock.advance(5000);
      heartbeat.heard();
    }
    expect(told).toEqual(['ping', 'ping', 'ping', 'ping']);
  });

  it('gives up after 10 s of silence, once', () => {
    const { clock, told } = beat();
    clock.advance(60_000);
    expect(told).toEqual(['ping', 'dead']);
  });

  it('gives up 10 s after the last sign of life, not with the ping after that', () => {
    const { clock, told, heartbeat } = beat();
    clock.advance(5000);
    clock.advance(1000);
    heartbeat.heard();
    clock.advance(9999);
    expect(told).not.toContain('dead');
    clock.advance(1);
    expect(told).toContain('dead');
  });

  it('is quiet after it was stopped', () => {
    const { clock, told, heartbeat } = beat();
    heartbeat.stop();
    clock.advance(60_000);
    expect(told).toEqual([]);
  });
});
