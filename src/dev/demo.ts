import type { Plan } from './manifests/plan.ts';

export interface DemoOptions {
  readonly plan: Plan;
  readonly call: string;
  readonly readyFile: string;
  readonly relayAdminUrl: string;
  print(line: string): void;
}

export async function runDemo(_options: DemoOptions): Promise<void> {}
