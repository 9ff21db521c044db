import { close, open, read, write } from "node:fs";
import { promisify } from "node:util";
import { wholeResponse } from "./response-size.ts";
import { TpmFailure } from "./tpm-failure.ts";
import type { TpmTransport } from "./tpm-transport.ts";

const READ_OCTETS = 4096;

/** Bare descriptors: a file handle that is given up while it is being read complains when it is collected. */
const [openFile, writeFile, readFile, closeFile] = [
  promisify(open),
  promisify(write),
  promisify(read),
  promisify(close),
];

const ADVICE: Readonly<Record<string, string>> = {
  ENOENT:
    "there is no such device: is the TPM switched on in the firmware's settings, and does the kernel have its driver?",
  EACCES: "this user may not open it: run as root, or as a member of group tss",
  EPERM: "this user may not open it: run as root, or as a member of group tss",
  EBUSY: "another program has it open: use the resource manager, /dev/tpmrm0",
};

/** @param path - of the kernel's character device. @throws {TpmFailure} */
export async function openDevice(path: string): Promise<TpmTransport> {
  try {
    return deviceTransport(path, await openFile(path, "r+"));
  } catch (error) {
    throw failureOf(path, error);
  }
}

function deviceTransport(path: string, device: number): TpmTransport {
  let isBroken = false;
  const exchange = async (command: Buffer): Promise<Buffer> => {
    // The kernel takes a command in one write, and has the response for the read after it.
    const { bytesWritten } = await writeFile(device, command);
    if (bytesWritten !== command.length) throw new TpmFailure(`${path} did not take a command whole`);
    let received = Buffer.alloc(0);
    for (;;) {
      const { bytesRead, buffer } = await readFile(device, Buffer.alloc(READ_OCTETS), 0, READ_OCTETS, null);
      if (bytesRead === 0) throw new TpmFailure(`${path} gave no answer`);
      received = Buffer.concat([received, buffer.subarray(0, bytesRead)]);
      const response = wholeResponse(received);
      if (response !== undefined) return response;
    }
  };
  return {
    async exchange(command, signal) {
      if (isBroken) throw new TpmFailure(`${path} is still at work on a command that was given up`);
      const late = lateness(path, signal);
      try {
        return await Promise.race([exchange(command), late.promise]);
      } catch (error) {
        isBroken = true;
        throw failureOf(path, error);
      } finally {
        late.stop();
      }
    },
    async close() {
      // A descriptor that a command still uses must not become another file's; the process's end closes it.
      if (!isBroken) await closeFile(device);
    },
  };
}

/** Reads of devices cannot be broken off; one can only stop waiting. */
function lateness(path: string, signal: AbortSignal) {
  let stop = (): void => {};
  const promise = new Promise<never>((_resolve, reject) => {
    const give = () => reject(new TpmFailure(`${path} did not answer in time`));
    if (signal.aborted) give();
    signal.addEventListener("abort", give, { once: true });
    stop = () => signal.removeEventListener("abort", give);
  });
  return { promise, stop };
}

function failureOf(path: string, error: unknown): TpmFailure {
  if (error instanceof TpmFailure) return error;
  const { code, message } = error as NodeJS.ErrnoException;
  return new TpmFailure(`${path} cannot be used: ${ADVICE[code ?? ""] ?? message}`, undefined, { cause: error });
}
