import type { FromClients, ToClients } from './messages.ts';
import { StormSession } from './session.ts';

/** Many sessions of our client in one process, told over the pipe to the parent what to do. Forked by `Clients`. */
const sessions = new Set<StormSession>();
// A parent that is gone is noticed by `disconnect`.
const tell = (message: FromClients) => process.send?.(message, () => {});

process.on('message', (message: ToClients) => {
  switch (message.type) {
    case 'open': {
      const session = new StormSession(message.plan, tell);
      sessions.add(session);
      void session.run().finally(() => sessions.delete(session));
      return;
    }
    case 'look':
      for (const session of sessions) session.look(message.number);
      return;
    case 'finish':
      for (const session of sessions) session.finish();
  }
});
process.on('disconnect', () => process.exit(0));
