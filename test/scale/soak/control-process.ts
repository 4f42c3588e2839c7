import { monitorEventLoopDelay } from 'node:perf_hooks';

/** As the metrics of the product count it. Forked by `Control`. */
const delay = monitorEventLoopDelay();
delay.enable();
process.on('message', () => {
  process.send?.(delay.percentile(99) / 1e6);
  delay.reset();
});
process.on('disconnect', () => process.exit(0));
