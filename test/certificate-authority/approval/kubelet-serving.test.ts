import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { createChain } from "../../../services/certificate-authority/approval/chain.ts";
import { createHooks } from "../../../services/certificate-authority/approval/create-hooks.ts";
import type {
  ClaimedName,
  EvidenceSource,
  Showing,
} from "../../../services/certificate-authority/approval/evidence/source.ts";
import { kubeletClientHook } from "../../../services/certificate-authority/approval/hooks/kubelet-client.ts";
import {
  type KubeletServingOptions,
  kubeletServingHook,
} from "../../../services/certificate-authority/approval/hooks/kubelet-serving.ts";
import { NOBODY_ATTESTED } from "../../../services/certificate-authority/approval/hooks/node-attestation.ts";
import { approvalSchema } from "../../../services/certificate-authority/approval/settings.ts";
import type { SubjectAltNames } from "../../../services/certificate-authority/domain/csr-facts.ts";
import type { NameHolder, ReviewRequest } from "../../../services/certificate-authority/domain/ports.ts";
import { requestKeys } from "../../../services/certificate-authority/request-keys.ts";
import { isPrintable } from "../../../services/shared/unprintable.ts";
import { facts } from "../../builders/facts.ts";
import { certificateRecord } from "../../builders/records.ts";
import { CLIENT_KUBELET, type RequestArguments, request, SERVING_KUBELET } from "../../builders/request.ts";
import { buildSans } from "../../builders/subject.ts";
import { createFakeKeyPolicy } from "../../fakes/key-policy.ts";
import { recordingLogger } from "../../fakes/recording-logger.ts";
import { NO_HISTORY, reviewInput } from "../../fakes/review-history.ts";

const NOW = new Date("2026-01-01T00:00:00Z");
const NODE = "system:node:worker-1";
const SPEC = {
  signerName: SERVING_KUBELET,
  usages: ["digital signature", "server auth"],
  username: NODE,
  groups: ["system:nodes", "system:authenticated"],
};
const OPTIONS: KubeletServingOptions = {
  otherwise: "noOpinion",
  unique: true,
  clusterDomain: "cluster.local",
  reserved: [],
  timeoutSeconds: 5,
  concurrency: 4,
};

/** Knows the names it is given, by node; throws for names that begin with `broken`. */
function fakeSource(name: string, known: Readonly<Record<string, readonly string[]>>, isExact = false): EvidenceSource {
  return {
    name,
    show(nodeName, claimed): Showing {
      if (claimed.name.startsWith("broken")) throw new Error("no connection");
      if (known[nodeName]?.includes(claimed.name)) return { isShown: true, says: "it is known", isExact };
      return { isShown: false, says: "it is not known", cure: `tell ${name}` };
    },
  };
}

interface Ask {
  readonly sans?: Partial<SubjectAltNames>;
  readonly spec?: RequestArguments["spec"];
  readonly commonName?: string;
  readonly organization?: readonly string[];
  readonly sources?: readonly EvidenceSource[];
  readonly options?: Partial<KubeletServingOptions>;
  readonly certificates?: ReturnType<typeof onRecord>;
}

const KNOWN = fakeSource("known", { "worker-1": ["worker-1", "10.0.0.1"], "worker-2": ["10.0.0.2"] });

function review({
  sans = { dnsNames: ["worker-1"], ipAddresses: ["10.0.0.1"] },
  spec,
  commonName = NODE,
  organization = ["system:nodes"],
  sources = [KNOWN],
  options,
  certificates,
}: Ask) {
  const hook = kubeletServingHook({ ...OPTIONS, ...options }, { sources, certificates });
  const csr = request({ spec: { ...SPEC, ...spec } });
  return hook.review(reviewInput({ csr, facts: facts({ subject: { commonName, organization }, sans }), now: NOW }));
}

test("a node whose names are all shown is approved, and each name's evidence is kept", async () => {
  expect(await review({})).toEqual({
    kind: "approved",
    reason: "NamesShown",
    message: 'node "worker-1" asks for its own serving certificate, and its names are its own by known',
    evidence: {
      nodeName: "worker-1",
      names: [
        {
          kind: "dns",
          name: "worker-1",
          shownBy: "known",
          asked: [{ source: "known", says: "it is known" }],
          cures: [],
        },
        {
          kind: "ip",
          name: "10.0.0.1",
          shownBy: "known",
          asked: [{ source: "known", says: "it is known" }],
          cures: [],
        },
      ],
    },
  });
});

test("requests for other signers are skipped, at once", () => {
  expect(review({ spec: { signerName: CLIENT_KUBELET } })).toMatchObject({ kind: "skipped", reason: "NotServing" });
});

test.each<{ name: string; ask: Ask; reason: string }>([
  { name: "another node", ask: { spec: { username: "system:node:worker-2" } }, reason: "NotTheNode" },
  { name: "no member of system:nodes", ask: { spec: { groups: ["system:authenticated"] } }, reason: "NotTheNode" },
  { name: "a bootstrap token", ask: { spec: { username: "system:bootstrap:abcdef" } }, reason: "NotTheNode" },
  {
    name: "a user of the node's name",
    ask: { spec: { username: "worker-1" }, commonName: "worker-1" },
    reason: "NotTheNode",
  },
  {
    name: "a node without a name",
    ask: { spec: { username: "system:node:" }, commonName: "system:node:" },
    reason: "NotTheNode",
  },
  {
    name: "a further organization",
    ask: { organization: ["system:nodes", "system:masters"] },
    reason: "NotServingShape",
  },
  { name: "no organization", ask: { organization: [] }, reason: "NotServingShape" },
  { name: "no names", ask: { sans: {} }, reason: "NotServingShape" },
  {
    name: "an e-mail address",
    ask: { sans: { dnsNames: ["worker-1"], emailAddresses: ["a@b"] } },
    reason: "NotServingShape",
  },
  { name: "a URI", ask: { sans: { dnsNames: ["worker-1"], uris: ["spiffe://a/b"] } }, reason: "NotServingShape" },
  { name: "client usages", ask: { spec: { usages: ["digital signature", "client auth"] } }, reason: "NotServingShape" },
  {
    name: "client usages besides",
    ask: { spec: { usages: ["digital signature", "server auth", "client auth"] } },
    reason: "NotServingShape",
  },
  {
    name: "very many names",
    ask: { sans: { ipAddresses: Array.from({ length: 51 }, (_, index) => `10.0.0.${index}`) } },
    reason: "TooManyNames",
  },
  { name: "a name nobody shows", ask: { sans: { dnsNames: ["worker-1", "worker-10"] } }, reason: "NamesNotShown" },
  {
    name: "an address of another node",
    ask: { sans: { ipAddresses: ["10.0.0.1", "10.0.0.2"] } },
    reason: "NamesNotShown",
  },
])("$name: a person decides, or it is denied", async ({ ask, reason }) => {
  expect(await review(ask)).toMatchObject({ kind: "noOpinion", reason });
  expect(await review({ ...ask, options: { otherwise: "deny" } })).toMatchObject({ kind: "denied", reason });
});

test("what is not shown is named, with what would show it", async () => {
  const { message, evidence } = await review({
    sans: { dnsNames: ["worker-1", "worker-9"] },
    sources: [fakeSource("list", {}), KNOWN],
  });
  expect(message).toBe(
    'node "worker-1": nothing shows that "worker-9" is its (list: it is not known; known: it is not known). ' +
      "To show it: tell list, or tell known",
  );
  expect(evidence["names"]).toMatchObject([
    { shownBy: "known" },
    { shownBy: null, asked: [{ source: "list" }, { source: "known" }] },
  ]);
});

test("reserved names need a source that has exactly them", async () => {
  const sans = { dnsNames: ["kubernetes.default.svc"], ipAddresses: ["127.0.0.1"] };
  const known = { "worker-1": ["kubernetes.default.svc", "127.0.0.1"] };
  expect(await review({ sans, sources: [fakeSource("loose", known)] })).toMatchObject({
    kind: "noOpinion",
    message: expect.stringContaining('"kubernetes.default.svc" is the API server\'s name'),
    evidence: { names: [{ refusal: "the API server's name" }, { refusal: "every machine's own address" }] },
  });
  const both = [fakeSource("loose", known), fakeSource("exact", known, true)];
  expect(await review({ sans, sources: both })).toMatchObject({
    kind: "approved",
    evidence: { names: [{ shownBy: "exact" }, { shownBy: "exact" }] },
  });
});

test("a wildcard and other forms of a name are never the node's", async () => {
  const known = { "worker-1": ["*.worker-1", "worker-1."] };
  for (const name of known["worker-1"]) {
    const answer = await review({ sans: { dnsNames: [name] }, sources: [fakeSource("loose", known)] });
    expect(answer).toMatchObject({ kind: "noOpinion", reason: "NamesNotShown" });
  }
});

test("names are compared without regard to case", async () => {
  expect(await review({ sans: { dnsNames: ["WORKER-1"] } })).toMatchObject({ kind: "approved" });
  expect(await review({ sans: { dnsNames: ["LocalHost"] } })).toMatchObject({ kind: "noOpinion" });
});

test("a source that cannot be asked matters only where no other shows the name", async () => {
  const broken = { name: "broken", show: () => Promise.reject(new Error("no connection")) };
  expect(await review({ sources: [broken, KNOWN] })).toMatchObject({ kind: "approved" });
  await expect(review({ sans: { dnsNames: ["worker-9"] }, sources: [broken, KNOWN] })).rejects.toThrow(
    'broken could not be asked: no connection, and nothing else shows "worker-9"',
  );
  // One name is not the node's whatever the source would say about the other.
  const half = fakeSource("half", {});
  expect(await review({ sans: { dnsNames: ["broken-1", "worker-9"] }, sources: [half] })).toMatchObject({
    kind: "noOpinion",
    reason: "NamesNotShown",
  });
  const sans = { dnsNames: ["broken-1"], ipAddresses: ["127.0.0.1"] };
  expect(await review({ sans, sources: [half] })).toMatchObject({ kind: "noOpinion" });
});

/** Who has a certificate for which name. */
function onRecord(holders: Readonly<Record<string, readonly Partial<NameHolder>[]>>) {
  const otherHoldersOf = (name: string, nodeName: string): readonly NameHolder[] =>
    (holders[name] ?? []).filter((holder) => holder.nodeName !== nodeName).map((holder) => ({ ...HOLDER, ...holder }));
  return { otherHoldersOf };
}

const HOLDER: NameHolder = {
  serial: "0a",
  signerName: SERVING_KUBELET,
  nodeName: undefined,
  commonName: "gatehouse",
  notAfter: new Date("2026-06-01T00:00:00Z"),
};

test("a name that another's valid certificate has is held back, unless it was written down for the node", async () => {
  const certificates = onRecord({ "10.0.0.1": [{ nodeName: "worker-1" }, { nodeName: "worker-7" }] });
  expect(await review({ certificates })).toMatchObject({
    kind: "noOpinion",
    reason: "NamesNotShown",
    message: expect.stringContaining(
      '"10.0.0.1" is held by node "worker-7" until 2026-06-01T00:00:00.000Z (serial 0a)',
    ),
    evidence: { names: [{ shownBy: "known" }, { shownBy: null, refusal: expect.any(String) }] },
  });
  const listed = fakeSource("listed", { "worker-1": ["10.0.0.1"] }, true);
  expect(await review({ certificates, sources: [KNOWN, listed] })).toMatchObject({ kind: "approved" });
  expect(await review({ certificates, options: { unique: false } })).toMatchObject({ kind: "approved" });
  const ours = onRecord({ "worker-1": [{ signerName: "gatehouse.dev/serving" }] });
  expect(await review({ certificates: ours })).toMatchObject({
    message: expect.stringContaining('held by "gatehouse" of gatehouse.dev/serving'),
  });
});

test("what a node held that is gone is free", async () => {
  const knowing = (...nodes: readonly string[]) => ({ ...KNOWN, isGone: (node: string) => nodes.includes(node) });
  const certificates = onRecord({ "10.0.0.1": [{ nodeName: "worker-7" }, { nodeName: "worker-8" }] });
  expect(await review({ certificates, sources: [knowing("worker-7")] })).toMatchObject({ kind: "noOpinion" });
  expect(await review({ certificates, sources: [knowing("worker-7", "worker-8")] })).toMatchObject({
    kind: "approved",
  });
  const ours = onRecord({ "10.0.0.1": [{}] });
  expect(await review({ certificates: ours, sources: [knowing("worker-7")] })).toMatchObject({ kind: "noOpinion" });
});

test("of two nodes that ask for one address at the same time one gets it; a rehearsal takes nothing", async () => {
  const shared = fakeSource("shared", { "worker-1": ["10.0.0.1"], "worker-2": ["10.0.0.1"] });
  const hook = kubeletServingHook(OPTIONS, { sources: [shared], certificates: onRecord({}) });
  const ask = (node: string, more: Partial<ReviewRequest> = {}) => {
    const csr = request({ spec: { ...SPEC, username: `system:node:${node}` } });
    const asked = facts({ subject: { commonName: `system:node:${node}` }, sans: { ipAddresses: ["10.0.0.1"] } });
    return hook.review(reviewInput({ csr, facts: asked, now: NOW, ...more }));
  };
  expect(await ask("worker-2", { isRehearsal: true })).toMatchObject({ kind: "approved" });
  expect(await ask("worker-1")).toMatchObject({ kind: "approved" });
  expect(await ask("worker-1")).toMatchObject({ kind: "approved" });
  await expect(ask("worker-2")).rejects.toThrow('"10.0.0.1" is just being certified for node "worker-1"');
  const later = new Date(NOW.getTime() + 61_000);
  expect(await ask("worker-2", { now: later })).toMatchObject({ kind: "approved" });
});

test("what is said of names nobody well-formed would ask for can be shown, and is short", async () => {
  const dnsNames = Array.from({ length: 50 }, (_, index) => `\u001b[2J\u202e${index}${"x".repeat(5000)}`);
  const verdict = await review({ sans: { dnsNames } });
  expect(verdict).toMatchObject({ kind: "noOpinion", reason: "NamesNotShown" });
  expect(isPrintable(verdict.message)).toBe(true);
  expect(verdict.message.length).toBeLessThan(2000);
});

test("a chain that takes another's place knows which names it gave away", async () => {
  const sources = [{ addressRanges: [{ ranges: ["10.0.0.0/8"] }] }];
  const { hooks } = approvalSchema.parse({ hooks: [{ "kubelet-serving": { sources } }] });
  const certificates = { ...onRecord({}), summaryOfLatest: () => undefined };
  const authorizer = { authorize: () => Promise.reject(new Error("not asked")) };
  const deps = {
    authorizer,
    logger: recordingLogger().logger,
    certificates,
    nameClaims: new Map(),
    attestations: NOBODY_ATTESTED,
    requestKeys,
  };
  const ask = (node: string) => {
    const csr = request({ spec: { ...SPEC, username: `system:node:${node}` } });
    const asked = facts({ subject: { commonName: `system:node:${node}` }, sans: { ipAddresses: ["10.0.0.1"] } });
    const [link] = createHooks(hooks, deps);
    return link?.hook.review(reviewInput({ csr, facts: asked, now: NOW }));
  };
  expect(await ask("worker-1")).toMatchObject({ kind: "approved" });
  await expect(ask("worker-2")).rejects.toThrow('"10.0.0.1" is just being certified for node "worker-1"');
});

test("property: whatever the order, no name is certified for two nodes at the same time", async () => {
  const names = ["10.0.0.1", "10.0.0.2", "10.0.0.3"];
  const nodes = ["worker-1", "worker-2", "worker-3"];
  const everything = fakeSource("range", Object.fromEntries(nodes.map((node) => [node, names])));
  const step = fc.record({
    node: fc.constantFrom(...nodes),
    ipAddresses: fc.subarray(names, { minLength: 1 }),
    /** Certificates are on record some steps after their approval. */
    delay: fc.nat({ max: 2 }),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
      const onItsWay: { node: string; name: string; recordedAt: number }[] = [];
      let at = 0;
      const certificates = {
        otherHoldersOf: (name: string, nodeName: string) =>
          onItsWay
            .filter((held) => held.name === name && held.node !== nodeName && held.recordedAt <= at)
            .map((held) => ({ ...HOLDER, nodeName: held.node })),
      };
      const hook = kubeletServingHook(OPTIONS, { sources: [everything], certificates });
      for (const [index, { node, ipAddresses, delay }] of steps.entries()) {
        at = index;
        const csr = request({ spec: { ...SPEC, username: `system:node:${node}` } });
        const asked = facts({ subject: { commonName: `system:node:${node}` }, sans: { ipAddresses } });
        const now = new Date(NOW.getTime() + index * 1000);
        const review = hook.review(reviewInput({ csr, facts: asked, now }));
        const verdict = await Promise.resolve(review).catch(() => undefined);
        if (verdict?.kind !== "approved") continue;
        for (const name of ipAddresses) onItsWay.push({ node, name, recordedAt: index + delay });
      }
      for (const name of names) {
        const holders = new Set(onItsWay.filter((held) => held.name === name).map(({ node }) => node));
        expect(holders.size).toBeLessThanOrEqual(1);
      }
    }),
  );
});

test("a renewal is compared with the certificate before", async () => {
  const former = certificateRecord({
    sans: buildSans({ dnsNames: ["WORKER-1", "old"], ipAddresses: ["10.0.0.1"] }),
    spkiSha256: facts().spkiSha256,
  });
  const csr = request({ spec: SPEC });
  const asked = facts({ sans: { dnsNames: ["worker-1"], ipAddresses: ["10.0.0.1", "10.0.0.9"] } });
  const hook = kubeletServingHook(OPTIONS, { sources: [KNOWN] });
  const { evidence } = await hook.review(reviewInput({ csr, facts: asked, now: NOW }, [former]));
  expect(evidence["renews"]).toEqual({
    ...{ fingerprint: former.fingerprint, serial: former.serial, keyReused: true },
    ...{ sansAdded: ["10.0.0.9"], sansRemoved: ["old"] },
  });
});

test("beside it, joins are still answered at once", () => {
  const authorizer = { authorize: () => ({ allowed: true, reason: "binding" }) };
  const hooks = [
    { hook: kubeletServingHook(OPTIONS, { sources: [KNOWN] }), required: false },
    { hook: kubeletClientHook(authorizer), required: false },
  ];
  const chain = createChain({ history: NO_HISTORY, keyPolicy: createFakeKeyPolicy(), hooks });
  const decision = chain.review({ csr: request(), facts: facts(), now: NOW });
  expect(decision).toMatchObject({ outcome: "approved", hook: "kubelet-client" });
});

test("closing the hook closes its sources", async () => {
  let closed = 0;
  const sources = [KNOWN, { ...KNOWN, close: () => (closed += 1) }];
  await kubeletServingHook(OPTIONS, { sources }).close?.(false);
  expect(closed).toBe(1);
});

test("property: a node never gets a name that no source shows to be its own", async () => {
  const names = [
    "worker-1",
    "worker-2",
    "worker-1.example.com",
    "localhost",
    "*.example.com",
    "kubernetes.default.svc",
  ];
  const addresses = ["10.0.0.1", "10.0.0.2", "127.0.0.1", "fe80::1", "fd00::1"];
  const nodes = ["worker-1", "worker-2", "kubernetes"];
  const knowledge = fc.dictionary(fc.constantFrom(...nodes), fc.subarray([...names, ...addresses]), {
    noNullPrototype: true,
  });
  const source = fc.record({
    known: knowledge,
    isExact: fc.boolean(),
    speaksOf: fc.constantFrom("dns", "ip", "both"),
    isBroken: fc.boolean(),
  });
  const asked = fc.record({
    requester: fc.constantFrom(...nodes),
    subject: fc.constantFrom(...nodes),
    isNode: fc.boolean(),
    dnsNames: fc.subarray(names),
    ipAddresses: fc.subarray(addresses),
    sources: fc.array(source, { maxLength: 4 }),
    otherwise: fc.constantFrom("noOpinion" as const, "deny" as const),
  });
  await fc.assert(
    fc.asyncProperty(asked, async ({ requester, subject, isNode, dnsNames, ipAddresses, sources, otherwise }) => {
      const made = sources.map(({ known, isExact, speaksOf, isBroken }, index): EvidenceSource => {
        const fake = fakeSource(`source-${index}`, known, isExact);
        return {
          ...fake,
          show(nodeName: string, claimed: ClaimedName) {
            if (isBroken) return Promise.reject(new Error("broken"));
            return speaksOf === "both" || speaksOf === claimed.kind ? fake.show(nodeName, claimed) : undefined;
          },
        };
      });
      const verdict = await Promise.resolve(
        review({
          sans: { dnsNames, ipAddresses },
          spec: { username: `system:node:${requester}`, groups: isNode ? ["system:nodes"] : [] },
          commonName: `system:node:${subject}`,
          sources: made,
          options: { otherwise },
        }),
      ).catch(() => "failed" as const);
      const isReserved = (name: string) => /^(localhost|\*|kubernetes|127|fe80)/.test(name);
      const isShown = (name: string, kind: string) =>
        sources.some(
          ({ known, isExact, speaksOf, isBroken }) =>
            !isBroken &&
            (speaksOf === "both" || speaksOf === kind) &&
            known[requester]?.includes(name) === true &&
            (isExact || !isReserved(name)),
        );
      const isOwn =
        isNode &&
        requester === subject &&
        dnsNames.length + ipAddresses.length > 0 &&
        dnsNames.every((name) => isShown(name, "dns")) &&
        ipAddresses.every((name) => isShown(name, "ip"));
      const isApproved = verdict !== "failed" && verdict.kind === "approved";
      expect(isApproved).toBe(isOwn);
      if (verdict !== "failed" && !isApproved) expect(verdict.kind).toBe(otherwise === "deny" ? "denied" : "noOpinion");
    }),
    { numRuns: 500 },
  );
});
