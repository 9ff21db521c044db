import { connect, type Socket } from "node:net";
import { wholeResponse } from "./response-size.ts";
import { TpmFailure } from "./tpm-failure.ts";
import type { TpmTransport } from "./tpm-transport.ts";

/** A TPM behind a socket that carries bare commands and responses. @throws {TpmFailure} */
export async function connectTcp(host: string, port: number, signal: AbortSignal): Promise<TpmTransport> {
  const where = `tcp://${host}:${port}`;
  const socket = connect({ host, port, noDelay: true });
  socket.on("error", () => undefined);
  await settled(socket, where, signal, (resolve) => socket.once("connect", () => resolve(undefined)));
  return {
    async exchange(command, within) {
      if (socket.destroyed) throw new TpmFailure(`${where} has closed the connection`);
      return await settled(socket, where, within, (resolve, reject) => {
        let received = Buffer.alloc(0);
        const take = (octets: Buffer): void => {
          received = Buffer.concat([received, octets]);
          try {
            const response = wholeResponse(received);
            if (response === undefined) return;
            socket.off("data", take);
            resolve(response);
          } catch (error) {
            socket.off("data", take);
            reject(error as TpmFailure);
          }
        };
        socket.on("data", take);
        socket.write(command);
      });
    },
    async close() {
      socket.destroy();
    },
  };
}

/** Waits for an outcome, the connection's end, or the signal; whatever fails ends the connection. */
async function settled<T>(
  socket: Socket,
  where: string,
  signal: AbortSignal,
  start: (resolve: (value: T) => void, reject: (error: TpmFailure) => void) => void,
): Promise<T> {
  let stop = (): void => {};
  try {
    return await new Promise<T>((resolve, reject) => {
      const late = () => reject(new TpmFailure(`${where} did not answer in time`));
      const failed = (error: Error) => reject(new TpmFailure(`${where} cannot be used: ${error.message}`));
      const ended = () => reject(new TpmFailure(`${where} has closed the connection`));
      stop = () => {
        signal.removeEventListener("abort", late);
        socket.off("error", failed);
        socket.off("close", ended);
      };
      signal.addEventListener("abort", late, { once: true });
      socket.once("error", failed);
      socket.once("close", ended);
      if (signal.aborted) late();
      else start(resolve, reject);
    });
  } catch (error) {
    stop();
    socket.destroy();
    throw error;
  } finally {
    stop();
  }
}
