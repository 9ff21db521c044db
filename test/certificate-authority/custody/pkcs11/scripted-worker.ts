// Stands in for `token-worker.ts`: what a key is called decides how the thread behaves. "slow:<ms>" blocks that long, as a
// module does whose device hangs; "die" ends the thread; anything else is well.
import { parentPort } from "node:worker_threads";
import type {
  TokenAnswer,
  TokenOperation,
} from "../../../../services/certificate-authority/custody/pkcs11/messages.ts";

parentPort?.on("message", (operations: readonly TokenOperation[]) => {
  const answers = operations.map((operation): TokenAnswer => {
    const name = operation.kind === "findKey" ? operation.keyLabel : "";
    const [, milliseconds] = name.split(":");
    if (milliseconds !== undefined) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, Number(milliseconds));
    if (name === "die") process.exit(1);
    return { kind: "well" };
  });
  parentPort?.postMessage(answers);
});
