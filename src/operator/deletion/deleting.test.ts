import { describe, expect, it } from 'vitest';
import { deletingFindings } from './deleting.ts';

describe('an object that is being deleted', () => {
  it('is neither ready nor failed, and names what is left', () => {
    expect(deletingFindings(['Pod build-1'])).toEqual([
      {
        type: 'Ready',
        status: 'Unknown',
        reason: 'Deleting',
        message: 'It is being deleted and waits for Pod build-1.',
      },
    ]);
  });

  it('names a few of many', () => {
    const [finding] = deletingFindings(['a', 'b', 'c', 'd', 'e', 'f', 'g']);
    expect(finding?.message).toBe('It is being deleted and waits for a, b, c, d, e and 2 more.');
  });

  it('waits for a finalizer when nothing of ours is left', () => {
    expect(deletingFindings([])[0]?.message).toContain('its last finalizer');
  });
});
