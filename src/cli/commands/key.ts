import { Command } from 'commander';
import { createKeyFile, keyFingerprint, loadKeyFile } from '../../noise/index.ts';
import { encodePublicKey } from '../../wire/index.ts';

export function keyCommand(): Command {
  const command = new Command('key')
    .description('Create and look at key files. A private key never leaves its file.')
    .addHelpText('after', '\nExample:\n  $ noisefleet key create keys/k2.json');
  command
    .command('create')
    .argument('<file>', 'where to; must not exist. Executors take the key id from the name: k2.json is k2')
    .description('Create a keypair in a new file that only you can read (0600), and print its fingerprint.')
    .addHelpText('after', '\nExample:\n  $ noisefleet key create keys/k2.json')
    .action((file: string) => print(keyFingerprint(createKeyFile(file).publicKey)));
  command
    .command('public')
    .argument('<file>', 'a key file')
    .description('Print the public half as the registry API writes it.')
    .addHelpText('after', '\nExample:\n  $ noisefleet key public keys/k2.json > k2.pub.json')
    .action((file: string) => print(JSON.stringify(encodePublicKey(loadKeyFile(file).publicKey))));
  command
    .command('fingerprint')
    .argument('<file>', 'a key file')
    .description('Print the fingerprint: SHA-256 of both public keys.')
    .addHelpText('after', '\nExample:\n  $ noisefleet key fingerprint keys/k2.json')
    .action((file: string) => print(keyFingerprint(loadKeyFile(file).publicKey)));
  return command;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
