/** On an upgrade that a relay shall answer itself and not pass on to another: there is one hop at most (our-side §10). */
export const HOP_HEADER = 'x-noisefleet-hop';
