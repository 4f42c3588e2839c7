import { describe, expect, it } from 'vitest';
import { labelSelector, selects } from './selector.ts';

describe('label selectors', () => {
  it.each([
    ['the empty selector', {}, {}, true],
    ['an equal label', { matchLabels: { tier: 'ci' } }, { tier: 'ci', other: 'x' }, true],
    ['another value', { matchLabels: { tier: 'ci' } }, { tier: 'dev' }, false],
    ['a missing label', { matchLabels: { tier: 'ci' } }, {}, false],
    ['a label named like a method', { matchLabels: { toString: 'x' } }, {}, false],
    ['In', { matchExpressions: [{ key: 'tier', operator: 'In', values: ['ci', 'dev'] }] }, { tier: 'dev' }, true],
    ['In without the label', { matchExpressions: [{ key: 'tier', operator: 'In', values: ['ci'] }] }, {}, false],
    ['NotIn', { matchExpressions: [{ key: 'tier', operator: 'NotIn', values: ['ci'] }] }, { tier: 'ci' }, false],
    ['NotIn without the label', { matchExpressions: [{ key: 'tier', operator: 'NotIn', values: ['ci'] }] }, {}, true],
    ['Exists', { matchExpressions: [{ key: 'tier', operator: 'Exists' }] }, { tier: '' }, true],
    ['DoesNotExist', { matchExpressions: [{ key: 'tier', operator: 'DoesNotExist' }] }, { tier: 'x' }, false],
  ])('%s', (_name, selector, labels, expected) => {
    expect(selects(labelSelector.parse(selector), labels)).toBe(expected);
  });

  it.each([
    ['In without values', { matchExpressions: [{ key: 'tier', operator: 'In' }] }],
    ['Exists with values', { matchExpressions: [{ key: 'tier', operator: 'Exists', values: ['x'] }] }],
    ['an unknown operator', { matchExpressions: [{ key: 'tier', operator: 'Near', values: ['x'] }] }],
    ['a key with spaces', { matchLabels: { 'a b': 'x' } }],
  ])('refuses %s', (_name, selector) => {
    expect(labelSelector.safeParse(selector).success).toBe(false);
  });
});
