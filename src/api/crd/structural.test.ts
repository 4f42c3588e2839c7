import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { durationBetween } from '../schema/duration.ts';
import { fields, list, oneOf, text, time, union, wholeNumber } from '../schema/fields.ts';
import { ruled, validationsOf } from '../schema/rules.ts';
import { structuralSchema, withoutDefaults } from './structural.ts';

const short = text({ max: 10, message: 'must be short' });
const rulesOf = (schema: z.ZodType) => validationsOf(structuralSchema(schema)).map(({ rule }) => rule);

describe('structural schemas', () => {
  it('close objects by what they name, keep the rest of loose ones, and give maps one kind of value', () => {
    expect(structuralSchema(fields({ a: short }))).toEqual({
      type: 'object',
      properties: { a: { type: 'string', minLength: 1, maxLength: 10 } },
      required: ['a'],
    });
    expect(structuralSchema(z.looseObject({ a: short.optional() }))).toMatchObject({
      properties: { a: { type: 'string' } },
      'x-kubernetes-preserve-unknown-fields': true,
    });
    expect(structuralSchema(z.record(z.string(), short))).toMatchObject({ additionalProperties: { type: 'string' } });
  });

  it('leave it to the API server to fill in what has a default, and to require the rest', () => {
    const schema = structuralSchema(
      fields({
        mode: oneOf(['A', 'B']).default('A'),
        inner: fields({ n: wholeNumber(1, 9).default(1) }).prefault({}),
        x: short,
      }),
    );
    expect(schema).toMatchObject({
      properties: {
        mode: { default: 'A', enum: ['A', 'B'] },
        inner: { default: {}, properties: { n: { default: 1 } } },
      },
      required: ['x'],
    });
    expect(JSON.stringify(withoutDefaults(schema))).not.toContain('default');
  });

  it('say how lists merge, what numbers and times are, and nothing that only JavaScript understands', () => {
    const schema = structuralSchema(
      fields({
        l: list(fields({ name: short }), { max: 3, type: 'map', keys: ['name'] }),
        atTime: time,
        n: wholeNumber(0, 5),
      }),
    );
    expect(schema.properties).toEqual({
      l: {
        type: 'array',
        maxItems: 3,
        'x-kubernetes-list-type': 'map',
        'x-kubernetes-list-map-keys': ['name'],
        items: { type: 'object', properties: { name: expect.anything() }, required: ['name'] },
      },
      atTime: { type: 'string', format: 'date-time' },
      n: { type: 'integer', format: 'int32', minimum: 0, maximum: 5 },
    });
  });

  it('carry a rule through everything that is wrapped around its schema', () => {
    const rule = { message: 'must not be x', cel: "self != 'x'", holds: (value: string) => value !== 'x' };
    const wrapped = fields({ a: ruled(short, rule).describe('A.').optional() });
    expect(validationsOf(structuralSchema(wrapped).properties?.a)).toEqual([
      { rule: "self != 'x'", message: rule.message },
    ]);
    expect(durationBetween({ least: '1m', most: '2m' }).safeParse('3m').success).toBe(false);
    expect(rulesOf(durationBetween({ least: '1m', most: '2m' }))[0]).toContain("duration(self) <= duration('2m')");
  });
});

describe('unions', () => {
  const shape = union(
    'type',
    (member) => [
      member({ type: z.literal('Round'), radius: wholeNumber(1, 9), name: short.optional() }),
      member({ type: z.literal('Square'), side: wholeNumber(1, 9).optional(), name: short.optional() }),
    ],
    { Star: 'stars come later' },
  );

  it('become one object, with a rule for each field that belongs to some values only', () => {
    expect(structuralSchema(shape)).toMatchObject({
      type: 'object',
      required: ['type'],
      properties: { type: { enum: ['Round', 'Square', 'Star'] }, radius: {}, side: {}, name: {} },
    });
    expect(rulesOf(shape)).toEqual([
      "self.type != 'Star'",
      "self.type == 'Round' || !has(self.radius)",
      "!(self.type == 'Round') || has(self.radius)",
      "self.type == 'Square' || !has(self.side)",
    ]);
  });

  it('answer here as the rules do there', () => {
    const messageOf = (value: unknown) => shape.safeParse(value).error?.issues[0]?.message;
    expect(messageOf({ type: 'Square', radius: 1 })).toBe('radius is allowed only when type is Round');
    expect(messageOf({ type: 'Star' })).toBe('stars come later');
    expect(messageOf({ type: 'Line' })).toBe('type must be one of Round, Square');
  });

  it('keep what members ask of a field of the same name under their own value', () => {
    const named = union('kind', (member) => [
      member({ kind: z.literal('A'), name: text({ max: 5, pattern: /^a/, message: 'must begin with a' }) }),
      member({ kind: z.literal('B'), name: text({ max: 9, pattern: /^b/, message: 'must begin with b' }) }),
    ]);
    expect(structuralSchema(named).properties?.name).toMatchObject({ maxLength: 9 });
    expect(rulesOf(named)).toEqual([
      "self.kind != 'A' || !has(self.name) || self.name.matches(r'^a')",
      "self.kind != 'B' || !has(self.name) || self.name.matches(r'^b')",
    ]);
  });

  it('fill in no default that holds for some members only', () => {
    const some = union('type', (member) => [
      member({ type: z.literal('A'), a: fields({}).prefault({}) }),
      member({ type: z.literal('B') }),
    ]);
    expect(structuralSchema(some).properties?.a).not.toHaveProperty('default');
    expect(some.parse({ type: 'A' })).toEqual({ type: 'A', a: {} });
  });

  it('need a discriminator, and every field one type', () => {
    expect(() => structuralSchema(z.union([fields({ a: short }), fields({ b: short })]))).toThrow(TypeError);
  });
});
