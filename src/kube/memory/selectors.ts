import { asObject, type JsonObject, metadataOf } from './json.ts';
import { Refusal } from './refusal.ts';

type Match = (object: JsonObject) => boolean;

/** `labelSelector` of a query: `a=b`, `a!=b`, `a in (b,c)`, `a notin (b)`, `a`, `!a`. */
export function labelMatch(text: string): Match {
  const matches = text
    .split(/,(?![^(]*\))/)
    .filter((part) => part.trim() !== '')
    .map((part) => labelRequirement(part.trim()));
  return (object) => {
    const labels = asObject(metadataOf(object).labels);
    return matches.every((match) => match(labels));
  };
}

function labelRequirement(text: string): (labels: JsonObject) => boolean {
  const set = /^(\S+)\s+(in|notin)\s+\(([^)]*)\)$/.exec(text);
  if (set !== null) {
    const [, key = '', operator, list = ''] = set;
    const values = list.split(',').map((value) => value.trim());
    const isIn = (labels: JsonObject) => typeof labels[key] === 'string' && values.includes(String(labels[key]));
    return operator === 'in' ? isIn : (labels) => !isIn(labels);
  }
  const pair = /^([^=!\s]+)\s*(==|=|!=)\s*([^=!\s]*)$/.exec(text);
  if (pair !== null) {
    const [, key = '', operator, value] = pair;
    return (labels) => (labels[key] === value) === (operator !== '!=');
  }
  const key = text.replace(/^!/, '');
  if (!/^[\w./-]+$/.test(key)) throw new Refusal(400, 'BadRequest', `unable to parse requirement: ${text}`);
  return (labels) => Object.hasOwn(labels, key) === !text.startsWith('!');
}

/** `fieldSelector` of a query, on any path of the object (a real server knows only some). */
export function fieldMatch(text: string): Match {
  const requirements = text.split(',').map((part) => /^([^=!]+)(==|=|!=)(.*)$/.exec(part));
  return (object) =>
    requirements.every((requirement) => {
      if (requirement === null) throw new Refusal(400, 'BadRequest', `invalid field selector: ${text}`);
      const [, path = '', operator, value] = requirement;
      let at: unknown = object;
      for (const name of path.split('.')) at = asObject(at)[name];
      return (String(at ?? '') === value) === (operator !== '!=');
    });
}
