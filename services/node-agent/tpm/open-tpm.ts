import { isIPv6 } from "node:net";
import { openDevice } from "./device-transport.ts";
import { connectTcp } from "./tcp-transport.ts";
import { TpmFailure } from "./tpm-failure.ts";
import type { TpmTransport } from "./tpm-transport.ts";

/** The kernel's resource manager, which keeps the keys and sessions of programs apart. */
export const DEFAULT_TPM = "/dev/tpmrm0";

const TCP = "tcp://";

/**
 * Opens a TPM.
 *
 * @param location - path of a device, or `tcp://HOST:PORT` of what takes raw commands, as swtpm does.
 * @throws {TpmFailure} saying what to do about it.
 */
export async function openTpm(location: string, signal: AbortSignal): Promise<TpmTransport> {
  if (!location.startsWith(TCP)) {
    if (location.startsWith("/")) return await openDevice(location);
    throw new TpmFailure(`"${location}" is no TPM: give a device such as ${DEFAULT_TPM}, or ${TCP}HOST:PORT`);
  }
  const { hostname, port } = addressOf(location);
  return await connectTcp(hostname, port, signal);
}

function addressOf(location: string): { readonly hostname: string; readonly port: number } {
  const [, host = "", port = ""] = /^tcp:\/\/([^/]+):(\d{1,5})$/.exec(location) ?? [];
  const hostname = host.replace(/^\[(.*)\]$/, "$1");
  const isAddress = hostname !== "" && (isIPv6(hostname) || !hostname.includes(":"));
  if (!isAddress || Number(port) < 1 || Number(port) > 65_535)
    throw new TpmFailure(`"${location}" is no TPM: an address looks like ${TCP}127.0.0.1:2321`);
  return { hostname, port: Number(port) };
}
