import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { z } from 'zod';

/** What the model does next: one tool call, or the closing message of the turn. */
export type ModelAction =
  | { kind: 'exec'; command: string; tty?: boolean; yieldMs?: number; workdir?: string }
  | { kind: 'stdin'; sessionId: number; characters: string; yieldMs?: number }
  | { kind: 'patch'; patch: string }
  | { kind: 'image'; path: string }
  | { kind: 'say'; text: string };

/** Decides the next action from the tool outputs so far, oldest first. */
export type ModelStep = (outputs: readonly string[]) => ModelAction | Promise<ModelAction>;

export interface FakeModel {
  /** For `base_url` of a Codex model provider. */
  readonly url: string;
  /** Outputs of the tools as Codex reported them to the model, oldest first. */
  readonly outputs: readonly string[];
  close(): Promise<void>;
}

const outputItem = z.looseObject({
  type: z.string(),
  output: z.union([z.string(), z.array(z.unknown()), z.looseObject({})]).optional(),
});
const requestBody = z.looseObject({ input: z.array(outputItem) });

/** A model behind the Responses API on loopback that follows a script instead of thinking. */
export async function startFakeModel(steps: readonly ModelStep[]): Promise<FakeModel> {
  let turn = 0;
  let outputs: string[] = [];
  const server = createServer((request, response) => {
    respond(request, response).catch((error: unknown) => response.writeHead(500).end(String(error)));
  });

  async function respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    if (request.method !== 'POST') {
      response.writeHead(404).end();
      return;
    }
    const { input } = requestBody.parse(JSON.parse(Buffer.concat(chunks).toString('utf8')));
    outputs = input.filter((item) => item.type.endsWith('_call_output')).map((item) => outputText(item.output));
    const step = steps[turn];
    turn += 1;
    const action: ModelAction = step === undefined ? { kind: 'say', text: 'done' } : await step(outputs);
    streamAnswer(response, turn, action);
  }

  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/v1`,
    get outputs() {
      return outputs;
    },
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

function outputText(output: unknown): string {
  return typeof output === 'string' ? output : JSON.stringify(output);
}

function streamAnswer(response: ServerResponse, turn: number, action: ModelAction): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  const send = (event: { type: string } & Record<string, unknown>) =>
    response.write(`event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`);
  send({ type: 'response.created', response: { id: `response-${turn}` } });
  send({ type: 'response.output_item.done', item: answerItem(turn, action) });
  const usage = { input_tokens: 1, output_tokens: 1, total_tokens: 2 };
  send({ type: 'response.completed', response: { id: `response-${turn}`, usage } });
  response.end();
}

function answerItem(turn: number, action: ModelAction): Record<string, unknown> {
  const call = (name: string, parameters: Record<string, unknown>) => ({
    type: 'function_call',
    id: `item-${turn}`,
    call_id: `call-${turn}`,
    name,
    arguments: JSON.stringify(parameters),
  });
  switch (action.kind) {
    case 'exec':
      return call('exec_command', {
        cmd: action.command,
        tty: action.tty ?? false,
        yield_time_ms: action.yieldMs ?? 20_000,
        max_output_tokens: 2_000,
        ...(action.workdir === undefined ? {} : { workdir: action.workdir }),
      });
    case 'stdin':
      return call('write_stdin', {
        session_id: action.sessionId,
        chars: action.characters,
        yield_time_ms: action.yieldMs ?? 5_000,
      });
    case 'image':
      return call('view_image', { path: action.path });
    case 'patch':
      return {
        type: 'custom_tool_call',
        id: `item-${turn}`,
        call_id: `call-${turn}`,
        name: 'apply_patch',
        input: action.patch,
      };
    case 'say':
      return {
        type: 'message',
        id: `item-${turn}`,
        role: 'assistant',
        content: [{ type: 'output_text', text: action.text }],
      };
  }
}

/** The id by which Codex lets the model go on with a command that still runs. */
export function runningSessionId(output: string | undefined): number {
  const id = output?.match(/session ID (\d+)/i)?.[1];
  if (id === undefined) throw new Error(`no running session in this tool output: ${output}`);
  return Number(id);
}
