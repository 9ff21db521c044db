import { createPrivateKey } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, jest, test } from "@jest/globals";
import fc from "fast-check";
import { imposedBy, readAuthority } from "../../../services/certificate-authority/custody/authority.ts";
import { makeIssuer } from "../../../services/certificate-authority/custody/make-issuer.ts";
import { nameViolation } from "../../../services/certificate-authority/domain/name-constraints.ts";
import type { NameConstraints, NameSubtrees } from "../../../services/certificate-authority/domain/name-subtrees.ts";
import { createIssuingCore } from "../../../services/certificate-authority/signer/issuing-core.ts";
import { buildIntent, type IntentArguments } from "../../builders/intent.ts";
import { openssl } from "../../builders/openssl.ts";
import { temporaryDirectory } from "../../builders/temporary-directory.ts";

jest.setTimeout(240_000);

const RUNS = 150;
let directory: string;
beforeAll(() => {
  directory = temporaryDirectory();
});

const some = (...values: string[]) => fc.subarray(values, { maxLength: 2 });

/** Few labels, so that names and constraints often meet. */
const hosts = ["example.com", "a.example.com", "b.a.example.com", "EXAMPLE.com", "example.org", "xexample.com", "com"];
const constraintHosts = ["example.com", ".example.com", "a.example.com", "Example.COM", "com", "org"];

const subtrees: fc.Arbitrary<NameSubtrees> = fc.record({
  dnsNames: some(...constraintHosts, ""),
  emailAddresses: some("example.com", ".example.com", "root@example.com", "EXAMPLE.org"),
  ipRanges: some("10.0.0.0/8", "10.1.0.0/16", "192.168.0.0/15", "fd00::/8", "fd00:1::/33", "0.0.0.0/0"),
  uriHosts: some(...constraintHosts),
  directoryNames: fc.subarray(
    [
      [[{ type: "2.5.4.10", value: "system:nodes" }]],
      [[{ type: "2.5.4.10", value: "SYSTEM:  nodes" }]],
      [[{ type: "2.5.4.6", value: "DE" }]],
      [
        [
          { type: "2.5.4.10", value: "b" },
          { type: "2.5.4.10", value: "a" },
        ],
        [{ type: "2.5.4.3", value: "jane" }],
      ],
    ],
    { maxLength: 2 },
  ),
});

/** Often only some forms are constrained, or hardly anything would be let through. */
const constraints: fc.Arbitrary<NameConstraints> = fc
  .tuple(fc.record({ permitted: subtrees, excluded: subtrees }), fc.nat(31), fc.nat(31))
  .map(([{ permitted, excluded }, some, others]) => ({
    permitted: thin(permitted, some),
    excluded: thin(excluded, others & ~some),
  }));

function thin(tree: NameSubtrees, mask: number): NameSubtrees {
  const entries = Object.entries(tree).map(([form, list], index) => [form, (mask >> index) & 1 ? list : []]);
  return Object.fromEntries(entries) as unknown as NameSubtrees;
}

const names: fc.Arbitrary<IntentArguments> = fc.record({
  subject: fc.record({
    country: fc.constantFrom([], ["DE"], ["de"]),
    organization: fc.constantFrom([], ["system:nodes"], ["System:Nodes"], ["system: nodes"], ["a", "b"], ["a"]),
    commonName: fc.constantFrom("jane", "Jane", "a.example.com", "host.example.org", "system:node:a.example.com", "x"),
  }),
  sans: fc.record({
    dnsNames: some(...hosts),
    emailAddresses: some("root@example.com", "a@example.com", "a@b.example.com", "x@example.org", "no"),
    ipAddresses: some(
      "10.1.2.3",
      "10.200.0.1",
      "192.169.1.1",
      "192.170.1.1",
      "fd00:1::1",
      "fd00:1:8000::1",
      "2001:db8::1",
    ),
    uris: some(
      "https://example.com/",
      "spiffe://a.example.com/x",
      "https://b.a.example.com:8443",
      "urn:x",
      "https://EXAMPLE.org",
    ),
  }),
});

/** Where we are stricter on purpose: see `name-forms.ts`. */
const ambiguous: fc.Arbitrary<IntentArguments> = fc.record({
  sans: fc.record({
    dnsNames: some("*.example.com", "*.com", "a*.example.com", "example.com.", "*.a.example.com", "a.example.com"),
    emailAddresses: some(
      "ROOT@example.com",
      "Root@example.com",
      "a@b@example.com",
      "@example.com",
      "a@",
      "a@example.com",
    ),
    ipAddresses: some("::ffff:10.1.2.3", "0.0.0.0", "255.255.255.255"),
    uris: some(
      ...["https://u@example.com/", "https://example.com.", "https://10.0.0.1/", "https://[fd00::1]/"],
      ...[
        "https://example.com/a:b",
        "https://a.example.com?x",
        "x://example.com#y",
        "https://example.org/https://example.com",
      ],
    ),
  }),
});

interface Judged {
  readonly ours: string | undefined;
  readonly theirs: string;
}

/** One leaf below a root of its own, judged by us and by openssl. */
async function judge(wanted: NameConstraints, given: IntentArguments): Promise<Judged> {
  const lifetimeSeconds = 86_400 * 30;
  const wish = { algorithm: "ecdsa-p256", commonName: "root", lifetimeSeconds, now: new Date() } as const;
  const { certificateDer, pkcs8Der } = await makeIssuer({ ...wish, nameConstraints: wanted });
  const authority = readAuthority(certificateDer, "root");
  const intent = buildIntent(given);
  const core = createIssuingCore({
    certificateDer,
    privateKey: createPrivateKey({ key: pkcs8Der, format: "der", type: "pkcs8" }),
  });
  const [outcome] = core.sign([intent]);
  // Some names no certificate of ours ever has, whatever the constraints.
  if (outcome?.kind !== "signed") return { ours: "the signer refuses it", theirs: "" };
  const [root, leaf] = [join(directory, "root.pem"), join(directory, "leaf.pem")];
  writeFileSync(root, authority.certificatePem);
  writeFileSync(leaf, outcome.certificate.pem);
  return { ours: nameViolation(intent, imposedBy([authority])), theirs: verify(root, leaf) };
}

/** Empty when openssl accepts it; else what it says, which must be about names. */
function verify(root: string, leaf: string): string {
  try {
    openssl("verify", "-CAfile", root, leaf);
    return "";
  } catch (error) {
    const { stderr } = error as { stderr: string };
    if (/subtree violation|name constraint|unsupported (or invalid )?name/.test(stderr)) return stderr;
    throw error;
  }
}

test("openssl agrees about every name that is not ambiguous", async () => {
  const counts = { accepted: 0, refused: 0 };
  const agrees = fc.asyncProperty(constraints, names, async (wanted, given) => {
    const { ours, theirs } = await judge(wanted, given);
    counts[ours === undefined ? "accepted" : "refused"] += 1;
    expect({ ours: ours === undefined, says: ours, theirs }).toMatchObject({ ours: theirs === "" });
  });
  await fc.assert(agrees, { numRuns: RUNS });
  // The property would be worth little if one answer were always right.
  expect(Math.min(counts.accepted, counts.refused)).toBeGreaterThan(RUNS / 10);
});

test("what openssl refuses, we do not sign", async () => {
  const isSafe = fc.asyncProperty(constraints, ambiguous, async (wanted, given) => {
    const { ours, theirs } = await judge(wanted, given);
    if (theirs !== "") expect({ ours, theirs, wanted, given }).toMatchObject({ ours: expect.any(String) });
  });
  await fc.assert(isSafe, { numRuns: RUNS });
});
