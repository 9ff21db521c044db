import { lookup } from "node:dns/promises";
import { existsSync, readFileSync } from "node:fs";
import { isIP } from "node:net";
import { join } from "node:path";
import { error, type Finding, ok, skipped, warning } from "../../../shared/diagnosis/findings.ts";
import type { Configuration } from "../../configuration.ts";
import type { Check, CheckContext } from "../contract.ts";
import { type Probe, probeTls } from "../tls-probe.ts";
import { withConfiguration } from "../with-configuration.ts";
import { certificateFinding } from "./expiry.ts";

const WILDCARDS: ReadonlySet<string> = new Set(["0.0.0.0", "::"]);

interface Address {
  /** The setting. */
  readonly setting: string;
  readonly text: string;
  readonly host: string;
  readonly port: number;
}

export const listeningAddresses: Check = {
  id: "listening.addresses",
  title: "the addresses to listen on: there, and free or held by our server",
  run: (context, signal) =>
    withConfiguration(context, "server.listen", async (configuration) => {
      const findings = addressesOf(configuration).map((address) => addressFindings(address, context, signal));
      return (await Promise.all(findings)).flat();
    }),
};

async function addressFindings(
  address: Address,
  context: CheckContext,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  const { setting, text, host, port } = address;
  const subject = `${setting} ${text}`;
  const elsewhere = await notHere(host, context);
  if (elsewhere !== undefined) return [error(subject, elsewhere, `name an address of this machine as ${setting}`)];
  if (port === 0) return [ok(subject, "the system picks a free port at each start")];
  if (port < 1024 && context.system.uid !== 0) {
    const wayOut = "use a port from 1024 on, or grant CAP_NET_BIND_SERVICE";
    return [warning(subject, `port ${port} is privileged, and this is user ${context.system.uid}`, wayOut)];
  }
  const probe = await probeListener(address, context, signal);
  if (probe.kind === "silent") return [freeFinding(subject, probe.reason, context)];
  if (probe.kind === "tls" && isOfOurCa(probe)) return [ok(subject, "held by a server of this CA")];
  const what = probe.kind === "tls" ? "a server of another CA" : "something that does not speak TLS";
  return [
    error(subject, `taken by ${what}`, `find it with: ss -ltnp 'sport = :${port}'; stop it, or listen elsewhere`),
  ];
}

/** A certificate of ours may have expired or be for another name; `listening.names` tells that. */
function isOfOurCa({ distrust }: Extract<Probe, { kind: "tls" }>): boolean {
  return distrust === undefined || /EXPIRED|NOT_YET_VALID|ALTNAME/.test(distrust);
}

function freeFinding(subject: string, reason: string, context: CheckContext): Finding {
  if (reason !== "ECONNREFUSED")
    return warning(subject, `cannot be connected to (${reason})`, "check firewall and address");
  const writer = context.writer();
  if (writer.kind !== "process") return ok(subject, "free");
  return warning(
    subject,
    `free, yet process ${writer.pid} serves this data directory: it listens elsewhere`,
    "restart the server with this configuration",
  );
}

async function notHere(host: string, { system }: CheckContext): Promise<string | undefined> {
  if (WILDCARDS.has(host)) return undefined;
  const addresses = isIP(host)
    ? [host]
    : (await lookup(host, { all: true }).catch(() => [])).map(({ address }) => address);
  if (addresses.length === 0) return `the host name ${host} cannot be looked up`;
  const local = new Set(system.addresses());
  const isHere = addresses.some((address) => local.has(address) || address.startsWith("127.") || address === "::1");
  return isHere ? undefined : `${addresses.join(", ")} is no address of this machine`;
}

export const servingNames: Check = {
  id: "listening.names",
  title: "names of the serving certificate, its expiry, and listening on every interface",
  run: (context, signal) =>
    withConfiguration(context, "server.names", async (configuration) => {
      const [main] = addressesOf(configuration);
      if (main === undefined) return [];
      const served = await certificateFindings(main, configuration, context, signal);
      return [...exposureFindings(main, configuration), ...served];
    }),
};

function exposureFindings({ host, text }: Address, { server: { names } }: Configuration): readonly Finding[] {
  if (!WILDCARDS.has(host)) return [];
  if (names.length > 0) return [ok("server.names", `${names.join(", ")}, besides this host's own name`)];
  return [
    warning(
      `server.listen ${text}`,
      "on every interface, but server.names is empty: clients can verify loopback and this host's name only",
      "list the names and addresses by which clients reach it under server.names",
    ),
  ];
}

async function certificateFindings(
  address: Address,
  { server: { names } }: Configuration,
  context: CheckContext,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  const probe = await probeListener(address, context, signal);
  if (probe.kind !== "tls") return [skipped("serving certificate", "no server listens there; each start makes one")];
  const { certificate } = probe;
  const wanted = [...names, ...(WILDCARDS.has(address.host) ? [] : [address.host])];
  const missing = wanted.filter((name) => !(isIP(name) ? certificate.checkIP(name) : certificate.checkHost(name)));
  const restart = "restart the server, which makes a new certificate";
  return [
    certificateFinding("serving certificate", certificate, context.clock.now(), restart),
    missing.length === 0
      ? ok("serving certificate", "covers every name that is configured")
      : error("serving certificate", `does not cover ${missing.join(", ")}`, restart),
  ];
}

function probeListener({ host, port }: Address, context: CheckContext, signal: AbortSignal): Promise<Probe> {
  const caFile = join(context.dataDirectory, "ca.crt");
  const caPem = existsSync(caFile) ? readFileSync(caFile, "utf8") : "";
  const serverUrl = port === 0 && context.server ? new URL(context.server.url) : undefined;
  if (port === 0 && serverUrl === undefined) return Promise.resolve({ kind: "silent", reason: "no port is known" });
  const reachable = host === "0.0.0.0" ? "127.0.0.1" : host === "::" ? "::1" : host;
  return probeTls({ host: reachable, port: serverUrl ? Number(serverUrl.port) : port, caPem }, signal);
}

function addressesOf({ server: { listen, bootstrapListen } }: Configuration): readonly Address[] {
  const settings = { "server.listen": listen, "server.bootstrapListen": bootstrapListen };
  return Object.entries(settings).flatMap(([setting, text]) => {
    if (text === undefined) return [];
    const at = text.lastIndexOf(":");
    const host = text.slice(0, at).replace(/^\[|\]$/g, "");
    return [{ setting, text, host, port: Number(text.slice(at + 1)) }];
  });
}
