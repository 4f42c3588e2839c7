import type { ExecutorTicket } from '../../wire/index.ts';

/** Every present registration of one `External` environment, the one that stands first (`our-side.md` §9). */
function claimsOf<T extends { readonly ticket: ExecutorTicket }>(routes: readonly T[]): T[] {
  return [...routes].sort(({ ticket: a }, { ticket: b }) => {
    const later = b.firstRegistrationTime - a.firstRegistrationTime;
    if (later !== 0) return later;
    return a.registrationId < b.registrationId ? 1 : a.registrationId > b.registrationId ? -1 : 0;
  });
}

/** The routes of the claim that stands: the later first registration wins at every registry, ties by id. */
export function winnerOf<T extends { readonly ticket: ExecutorTicket }>(routes: readonly T[]): T[] {
  const sorted = claimsOf(routes);
  return sorted.filter((route) => route.ticket.registrationId === sorted[0]?.ticket.registrationId);
}

/** The registrations that lost, each once. */
export function losersOf<T extends { readonly ticket: ExecutorTicket }>(routes: readonly T[]): ExecutorTicket[] {
  const [winner] = winnerOf(routes);
  const byId = new Map(routes.map(({ ticket }) => [ticket.registrationId, ticket]));
  return [...byId.values()].filter((ticket) => ticket.registrationId !== winner?.ticket.registrationId);
}
