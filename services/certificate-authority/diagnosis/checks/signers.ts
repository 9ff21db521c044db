import { X509Certificate } from "node:crypto";
import {
  daysBetween,
  error,
  type Finding,
  inDays,
  messageOf,
  ok,
  skipped,
  warning,
} from "../../../shared/diagnosis/findings.ts";
import type { Configuration } from "../../configuration.ts";
import { DEFAULT_ISSUER, type IssuerRecord } from "../../domain/issuer.ts";
import { mlDsaSetOf } from "../../domain/ml-dsa.ts";
import { ancestorsOf, trustAnchors } from "../../domain/trust.ts";
import type { Check, CheckContext, RunningServer } from "../contract.ts";
import { withConfiguration } from "../with-configuration.ts";

type Signer = Configuration["signers"][number] & {
  readonly profile: NonNullable<Configuration["signers"][number]["profile"]>;
};

function configuredSigners({ signers }: Configuration): readonly Signer[] {
  return signers.filter((entry): entry is Signer => entry.profile !== undefined);
}

const NONE = skipped("signers", "no signers of your own are configured");

export const signerIssuers: Check = {
  id: "signers.issuers",
  title: "configured signers: whether their issuer is there, and outlives what it signs",
  run: (context) =>
    withConfiguration(context, "signers", async (configuration) => {
      const signers = configuredSigners(configuration);
      if (signers.length === 0) return [NONE];
      const records = await recordsOf(context);
      return signers.map((signer) => issuerFinding(signer, records, configuration, context.clock.now()));
    }),
};

/** Everything on record, whether it signs now or did; undefined when that cannot be read. */
async function recordsOf(context: CheckContext): Promise<readonly IssuerRecord[] | undefined> {
  const ledger = await context.ledger();
  return ledger.kind === "here" ? ledger.inspection.snapshot().issuers : undefined;
}

function issuerFinding(
  { signerName, issuer: name, profile }: Signer,
  records: readonly IssuerRecord[] | undefined,
  configuration: Configuration,
  now: Date,
): Finding {
  const issuer = records?.find((record) => record.name === name && record.slot === "active");
  if (issuer === undefined) return missingIssuer(signerName, name, records !== undefined, configuration);
  const end = endOf(issuer);
  const days = daysBetween(now, end);
  const until = `the issuer ${name} ${now >= end ? "expired" : "ends"} ${inDays(days)}, at ${end.toISOString()}`;
  const replace = "replace the issuer, or name another one in signers";
  if (now >= end) return error(signerName, `${until}: nothing is signed`, replace);
  const longest = profile.lifetime.maximumSeconds ?? configuration.signing.maxDurationSeconds;
  const left = Math.floor((end.getTime() - now.getTime()) / 1000);
  if (left >= longest) return ok(signerName, `${until}, after everything it signs`);
  const text = `${until}, sooner than certificates of ${longest} seconds that it may sign; they end with it`;
  return warning(signerName, text, `lower profile.lifetime.maximumSeconds to ${left}, or ${replace}`);
}

/** The last instant at which it and everything above it are valid. */
function endOf({ notAfter, ancestorsPem }: IssuerRecord): Date {
  const above = ancestorsOf({ ancestorsPem }).map((pem) => new X509Certificate(pem).validToDate.getTime());
  return new Date(Math.min(notAfter.getTime(), ...above));
}

function missingIssuer(
  signerName: string,
  name: string,
  isKnown: boolean,
  { issuer, issuers }: Configuration,
): Finding {
  if (!isKnown) return skipped(signerName, "there is no ledger that says what its issuer is");
  const settings = name === DEFAULT_ISSUER ? issuer : issuers.find((one) => one.name === name);
  if (settings?.externallySigned !== true)
    return skipped(signerName, `its issuer ${name} is not on record yet; a start makes it`);
  return warning(
    signerName,
    `its issuer ${name} awaits its certificate, which is signed elsewhere: approved requests wait`,
    `gatehouse issuer request ${name}, have it signed, then: gatehouse issuer install ${name} --chain FILE`,
  );
}

export const signerChoices: Check = {
  id: "signers.choices",
  title: "issuers and signers that are configured in a way that is less safe, or that clients may not understand",
  run: (context) =>
    withConfiguration(context, "signers", async (configuration) => {
      const wayOut = "change it, unless it is meant so; every start says it as well";
      const found = [
        ...unchosenIssuers((await recordsOf(context)) ?? [], configuration),
        ...context.issuerWarnings.map((text) => warning("issuers and signers", text, wayOut)),
      ];
      return found.length > 0 ? found : [ok("issuers and signers", "nothing stands out")];
    }),
};

/** A start refuses them. */
function unchosenIssuers(records: readonly IssuerRecord[], { keyPolicy, issuers }: Configuration): readonly Finding[] {
  const names = [DEFAULT_ISSUER, ...issuers.map(({ name }) => name)];
  return records.flatMap(({ name, slot, keyAlgorithm }) => {
    const set = mlDsaSetOf(keyAlgorithm);
    const isRefused = set !== undefined && slot === "active" && names.includes(name) && !keyPolicy.mlDsa.includes(set);
    const finding = `has an ${set} key, which has to be chosen: a start is refused`;
    return isRefused
      ? [error(`issuer ${name}`, finding, `put ${set} into keyPolicy.mlDsa, or give it another key`)]
      : [];
  });
}

export const spiffeBundles: Check = {
  id: "signers.spiffe-bundles",
  title: "bundles of SPIFFE trust domains: what they hold, and what the running server hands out",
  run: (context, signal) =>
    withConfiguration(context, "signers", async (configuration) => {
      const spiffe = configuredSigners(configuration).flatMap(({ issuer, profile }) =>
        profile.spiffe === undefined ? [] : [{ issuer, domain: profile.spiffe.trustDomain }],
      );
      if (spiffe.length === 0) return [skipped("signers", "no signer makes X.509-SVIDs")];
      const records = await recordsOf(context);
      const domains = [...new Set(spiffe.map(({ domain }) => domain))];
      if (records === undefined)
        return domains.map((domain) => skipped(domain, "there is no ledger that says who its CAs are"));
      const found = domains.map((domain) => {
        const names = spiffe.filter((one) => one.domain === domain).map(({ issuer }) => issuer);
        const own = records.filter(({ name }) => names.includes(name));
        return bundleFindings(domain, trustAnchors(own, context.clock.now()), context, signal);
      });
      return (await Promise.all(found)).flat();
    }),
};

async function bundleFindings(
  domain: string,
  anchorsPem: readonly string[],
  { server }: CheckContext,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  const anchors = anchorsPem.map((pem) => new X509Certificate(pem));
  if (anchors.length === 0)
    return [warning(domain, "no CA of it is there: its bundle is empty", "see signers.issuers and expiry.issuers")];
  const partial = anchors.filter((anchor) => !anchor.checkIssued(anchor));
  const found = partial.map(({ subject }) =>
    warning(
      domain,
      `its bundle holds ${subject}, which is no root: verifiers that want one refuse everything below it`,
      "name the certificates above it as import.chainFile",
    ),
  );
  const served = server === undefined ? [] : await servedFindings(domain, anchors, server, signal);
  if (found.length + served.length > 0) return [...found, ...served];
  return [ok(domain, `its bundle holds ${anchors.map(({ subject }) => subject).join(", ")}`)];
}

/** A server that cannot be asked is told of by server.ready. */
async function servedFindings(
  domain: string,
  anchors: readonly X509Certificate[],
  server: RunningServer,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  const url = `${server.url}/v1/spiffe/bundles/${domain}`;
  const answer = await server.get(`/v1/spiffe/bundles/${domain}`, signal).catch(() => undefined);
  if (answer === undefined) return [];
  const restart = "restart the server with this configuration";
  if (answer.status !== 200) return [error(url, `answered ${answer.status}`, restart)];
  try {
    const held = heldIn(answer.body);
    const lacking = anchors.filter(({ raw }) => !held.includes(raw.toString("base64")));
    return lacking.map(({ subject }) => error(url, `lacks ${subject}, which is on record`, restart));
  } catch (thrown) {
    return [error(url, `is no bundle: ${messageOf(thrown)}`, "is it a Gatehouse server?")];
  }
}

/** The certificates of a bundle, base64 of DER. Source: SPIFFE Trust Domain and Bundle section 4. */
function heldIn(body: string): readonly string[] {
  const { keys } = JSON.parse(body) as { readonly keys?: readonly { readonly x5c?: readonly string[] }[] };
  if (!Array.isArray(keys)) throw new TypeError("it has no keys");
  return keys.flatMap(({ x5c }: { readonly x5c?: readonly string[] }) => x5c ?? []);
}
