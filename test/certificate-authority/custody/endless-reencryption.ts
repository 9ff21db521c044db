import { writeSync } from "node:fs";
import { openCustody } from "../../../services/certificate-authority/custody/custody.ts";
import { createLogger } from "../../../services/shared/logging.ts";
import { localProvider, writeEncryptionConfiguration } from "../../builders/encryption-configuration.ts";

// Run by reencryption-crash.test.ts in a process of its own, which it kills: brings all files of a directory under one
// key and under another by turns, for ever, and prints how many it rewrote after each turn.
const [, , directory = "", configurationFile = ""] = process.argv;
const [one, two] = [localProvider("secretbox", 1), localProvider("aescbc", 2)] as const;

const custody = await openCustody({
  directory,
  encryption: { configurationFile },
  logger: createLogger({ level: "silent" }),
});
for (;;) {
  for (const order of [
    [two, one],
    [one, two],
  ]) {
    writeEncryptionConfiguration(configurationFile, ...order);
    const { rewritten } = await custody.reencrypt();
    writeSync(1, `${rewritten}\n`);
  }
}
