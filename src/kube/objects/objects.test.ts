import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { labelMatch } from '../memory/selectors.ts';
import { configMaps, deployments, namespaces } from './builtin.ts';
import { microTime, parseTime, secondTime } from './micro-time.ts';
import { keyOf, pathOf, refOf } from './resource.ts';
import { labelSelectorText, matchesSelector } from './selector.ts';

describe('microTime', () => {
  it('has six fraction digits at any instant, and reads back as the same instant', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 4e12 }), (at) => {
        expect(microTime(at)).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
        expect(parseTime(microTime(at))).toBe(at);
        expect(parseTime(secondTime(at))).toBe(at - (at % 1000));
      }),
    );
  });

  it.each(['', 'yesterday', '2026-11-21', '1763712000'])('does not read "%s"', (text) => {
    expect(parseTime(text)).toBeUndefined();
  });
});

describe('labelSelectorText', () => {
  it('selects at the server what matchesSelector selects here', () => {
    const key = fc.constantFrom('a', 'b.c/d', 'e-f');
    const value = fc.constantFrom('x', 'y', 'z-1');
    const expression = fc.record({
      key,
      operator: fc.constantFrom('In', 'NotIn', 'Exists', 'DoesNotExist'),
      values: fc.uniqueArray(value, { minLength: 1 }),
    });
    const selector = fc.record({
      matchLabels: fc.dictionary(key, value),
      matchExpressions: fc.array(expression, { maxLength: 3 }),
    });
    fc.assert(
      fc.property(selector, fc.dictionary(key, value), (each, labels) => {
        expect(labelMatch(labelSelectorText(each))({ metadata: { labels } })).toBe(matchesSelector(labels, each));
      }),
    );
  });
});

describe('pathOf', () => {
  it.each([
    [configMaps, { namespace: 'a', name: 'x' }, '/api/v1/namespaces/a/configmaps/x'],
    [configMaps, {}, '/api/v1/configmaps'],
    [
      deployments,
      { namespace: 'a', name: 'x', subresource: 'status' },
      '/apis/apps/v1/namespaces/a/deployments/x/status',
    ],
    [namespaces, { namespace: 'ignored', name: 'a/b' }, '/api/v1/namespaces/a%2Fb'],
  ])('of %o', (resource, place, path) => {
    expect(pathOf(resource, place)).toBe(path);
  });

  it('refuses a name without its namespace', () => {
    expect(() => pathOf(configMaps, { name: 'x' })).toThrow('namespace');
  });
});

describe('keyOf', () => {
  it.each([{ namespace: 'a', name: 'x' }, { name: 'x' }])('reads back %o', (ref) => {
    expect(refOf(keyOf(ref))).toEqual(ref);
  });
});
