import { readFileSync } from "node:fs";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { beforeEach, describe, expect, test } from "@jest/globals";
import { neededCalls } from "../../../services/certificate-authority/diagnosis/checks/cluster-rights.ts";
import type { CheckContext } from "../../../services/certificate-authority/diagnosis/contract.ts";
import { CHECKS } from "../../../services/certificate-authority/diagnosis/registry.ts";
import type { Finding } from "../../../services/shared/diagnosis/findings.ts";
import { runChecks } from "../../../services/shared/diagnosis/run-checks.ts";
import { openssl } from "../../builders/openssl.ts";
import { temporaryConfiguration } from "../../builders/temporary-configuration.ts";
import { temporaryDirectory } from "../../builders/temporary-directory.ts";
import { CONTROLLER, grantedCalls } from "../../end-to-end/support/controlled-cluster.ts";
import { FakeExaminedCluster } from "../../fakes/examined-cluster.ts";
import { SettableClock } from "../../fakes/settable-clock.ts";
import { lines } from "./examine.ts";

const NOW = new Date("2026-11-21T12:00:00Z");
const CLIENT_KUBELET = "kubernetes.io/kube-apiserver-client-kubelet";
const REQUESTS = "/apis/certificates.k8s.io/v1/certificatesigningrequests";
const LEASE = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/gatehouse";
const PODS = "/api/v1/namespaces/kube-system/pods";
const RBAC = "/apis/rbac.authorization.k8s.io/v1";
const BUNDLE = { trustBundle: { configMap: {} } };

const agoIso = (seconds: number): string =>
  new Date(NOW.getTime() - seconds * 1000).toISOString().replace(/\.\d+Z/, "Z");
const WITH_EVERYTHING = {
  cluster: { trustBundle: { configMap: {}, clusterTrustBundle: "gatehouse" } },
  approval: { hooks: [{ "kubelet-serving": { sources: [{ nodeObject: { kubeconfigFile: "nodes.kubeconfig" } }] } }] },
};

let cluster: FakeExaminedCluster;
beforeEach(() => {
  cluster = new FakeExaminedCluster();
});

/** Runs one check on the fake cluster. */
async function examine(id: string, settings: object = { cluster: BUNDLE }): Promise<readonly Finding[]> {
  const context = {
    ...{ cluster, clock: new SettableClock(NOW), isPlaceKnown: true, isFull: false },
    configuration: temporaryConfiguration(settings),
    ledger: async () => ({ kind: "absent" }),
  } as unknown as CheckContext;
  const check = CHECKS.filter((one) => one.id === id);
  const { checks } = await runChecks(check, context, { timeoutMilliseconds: 10_000 });
  return checks.flatMap(({ findings }) => findings);
}

test("every finding that is no ok says what to do, where the cluster answers nothing but refusals", async () => {
  cluster.allows = () => false;
  for (const path of ["/version", REQUESTS, LEASE, PODS, `${RBAC}/clusterroles`]) cluster.refuse(path);
  const ids = CHECKS.flatMap(({ id, needsCluster }) => (needsCluster ? [id] : []));
  expect(ids.length).toBeGreaterThan(10);
  for (const id of ids)
    for (const finding of await examine(id))
      if (finding.outcome === "error" || finding.outcome === "warning") expect(finding.wayOut).toBeTruthy();
});

test("a cluster that does not answer is one error, and everything else is left out", async () => {
  cluster.silence = "connect ECONNREFUSED";
  expect(await examine("cluster.reachable")).toMatchObject([{ outcome: "error", finding: "connect ECONNREFUSED" }]);
  for (const { id } of CHECKS.filter(({ needsCluster }) => needsCluster).slice(1)) {
    const found = await examine(id);
    expect(found.map(({ outcome }) => outcome)).toEqual(["skipped"]);
  }
});

describe("cluster.reachable", () => {
  test("tells the version and who we are", async () => {
    cluster.put("/version", { gitVersion: "v1.36.2" });
    expect(lines(await examine("cluster.reachable"))).toEqual([`ok fake: Kubernetes v1.36.2; we are ${CONTROLLER}`]);
  });

  test.each([
    { name: "an expired credential", say: () => cluster.refuse("/version", 401, "Unauthorized") },
    {
      name: "being taken for anybody",
      say: () => {
        cluster.put("/version", { gitVersion: "v1.36.2" });
        cluster.username = "system:anonymous";
      },
    },
  ])("$name is an error of the kubeconfig", async ({ say }) => {
    say();
    expect(await examine("cluster.reachable")).toMatchObject([
      { outcome: "error", wayOut: expect.stringContaining("renew the credentials in the kubeconfig") },
    ]);
  });
});

test.each([
  { seconds: 5, outcome: "ok" },
  { seconds: -6, outcome: "warning" },
  { seconds: 299, outcome: "warning" },
  { seconds: -300, outcome: "error" },
  { seconds: 600, outcome: "error" },
])("cluster.clock: $seconds s of difference are $outcome", async ({ seconds, outcome }) => {
  cluster.now = new Date(NOW.getTime() + seconds * 1000);
  expect(await examine("cluster.clock")).toMatchObject([{ outcome }]);
});

describe("cluster.apis", () => {
  const serve = (group: string, version: string, ...names: readonly string[]) =>
    cluster.put(`/apis/${group}/${version}`, { resources: names.map((name) => ({ name })) });
  const csrs = ["", "/approval", "/status"].map((each) => `certificatesigningrequests${each}`);

  beforeEach(() => {
    serve("certificates.k8s.io", "v1", ...csrs);
    serve("authorization.k8s.io", "v1", "subjectaccessreviews");
    serve("coordination.k8s.io", "v1", "leases");
    serve("events.k8s.io", "v1", "events");
  });

  test("what settings do not use need not be served", async () => {
    const found = await examine("cluster.apis");
    expect(found.map(({ outcome }) => outcome)).toEqual(["ok", "ok", "ok", "ok"]);
    serve("events.k8s.io", "v1");
    const quiet = await examine("cluster.apis", { cluster: { events: "none", leaderElection: { enabled: false } } });
    expect(quiet.map(({ outcome }) => outcome)).toEqual(["ok", "ok"]);
  });

  test("bundles are taken in any version, and are an error in none", async () => {
    const [missing] = (await examine("cluster.apis", WITH_EVERYTHING)).slice(-1);
    expect(missing).toMatchObject({ outcome: "error", wayOut: expect.stringContaining("ClusterTrustBundle=true") });
    serve("certificates.k8s.io", "v1beta1", "clustertrustbundles");
    expect((await examine("cluster.apis", WITH_EVERYTHING)).slice(-1)).toMatchObject([
      { outcome: "ok", subject: "certificates.k8s.io/v1beta1" },
    ]);
  });

  test("a version without the subresource is none", async () => {
    serve("certificates.k8s.io", "v1", "certificatesigningrequests");
    expect((await examine("cluster.apis"))[0]).toMatchObject({ outcome: "error", subject: "certificates.k8s.io" });
  });
});

describe("rights", () => {
  test("what is needed is what the manifests grant", () => {
    const configuration = temporaryConfiguration(WITH_EVERYTHING);
    const needed = neededCalls(configuration).filter(({ resource }) => resource !== "signers");
    const words = needed.map(({ verb, resource, subresource }) =>
      [verb, subresource === undefined ? resource : `${resource}/${subresource}`].join(" "),
    );
    expect([...new Set(words)].sort()).toEqual([...grantedCalls()].sort());
  });

  test("what signers for pods need besides is what their component grants", () => {
    const before = neededCalls(temporaryConfiguration({}));
    const [subject, usages] = [{ commonName: ["*"] }, ["client auth"]];
    const profile = { subject, usages: { allowed: usages }, pods: { commonName: "{pod}", usages } };
    const signers = [{ signerName: "example.com/pods", issuer: "pods", profile }];
    const issuers = [{ name: "pods", commonName: "pods" }];
    const words = neededCalls(temporaryConfiguration({ signers, issuers }))
      .filter((call) => call.resource !== "signers" && !before.some((other) => isDeepStrictEqual(call, other)))
      .map(
        ({ verb, resource, subresource }) => `${verb} ${resource}${subresource === undefined ? "" : `/${subresource}`}`,
      );
    expect(words.sort()).toEqual([...grantedCalls(["components/pod-certificates"])].sort());
  });

  test("one that is missing is an error that names the call", async () => {
    cluster.allows = (call) => !call.startsWith(`sign signers ${CLIENT_KUBELET}`);
    expect(lines(await examine("cluster.rights"))).toEqual([
      `error ${CONTROLLER}: may not sign signers.certificates.k8s.io ${CLIENT_KUBELET}`,
    ]);
    cluster.allows = () => true;
    expect(await examine("cluster.rights")).toMatchObject([{ outcome: "ok" }]);
  });

  test("settings that need more ask for more", async () => {
    cluster.allows = (call) => !/nodes|clustertrustbundles/.test(call);
    expect(await examine("cluster.rights")).toMatchObject([{ outcome: "ok" }]);
    const found = await examine("cluster.rights", WITH_EVERYTHING);
    expect(found.map(({ finding }) => finding)).toContain("may not watch nodes");
    expect(found).toHaveLength(6);
  });

  test("one too many is a warning, everything is one warning", async () => {
    cluster.allows = (call) => call === "get secrets" || call.startsWith("sign signers example.com");
    expect(lines(await examine("cluster.excess-rights"))).toEqual([
      `warning ${CONTROLLER}: may get secrets, for which it has no use`,
      `warning ${CONTROLLER}: may sign signers.certificates.k8s.io example.com/of-nobody, for which it has no use`,
    ]);
    cluster.allows = () => true;
    expect(await examine("cluster.excess-rights")).toHaveLength(1);
    cluster.allows = () => false;
    expect(await examine("cluster.excess-rights")).toMatchObject([{ outcome: "ok" }]);
  });

  test("an administrator asks about the controller by its name", async () => {
    cluster.username = "admin";
    cluster.controllerUser = CONTROLLER;
    cluster.allows = (_, user) => user === CONTROLLER;
    expect(await examine("cluster.rights")).toMatchObject([{ outcome: "ok", subject: CONTROLLER }]);
    cluster.refuse("/apis/authorization.k8s.io/v1/subjectaccessreviews");
    expect(await examine("cluster.rights")).toMatchObject([{ outcome: "skipped" }]);
  });
});

test.each([
  { name: "renewed a second ago", spec: { holderIdentity: "a", renewTime: agoIso(1) }, outcome: "ok" },
  {
    name: "within its duration",
    spec: { holderIdentity: "a", renewTime: agoIso(40), leaseDurationSeconds: 60 },
    outcome: "ok",
  },
  {
    name: "too long ago",
    spec: { holderIdentity: "a", renewTime: agoIso(40), leaseDurationSeconds: 15 },
    outcome: "error",
  },
  { name: "from the future", spec: { holderIdentity: "a", renewTime: agoIso(-600) }, outcome: "warning" },
  { name: "held by nobody", spec: { holderIdentity: "", renewTime: agoIso(1) }, outcome: "error" },
  { name: "never renewed", spec: { holderIdentity: "a" }, outcome: "error" },
])("cluster.leader: a lease $name is $outcome", async ({ spec, outcome }) => {
  cluster.put(LEASE, { spec });
  expect(await examine("cluster.leader")).toMatchObject([{ outcome }]);
});

test("cluster.leader: no lease is an error, no election a warning", async () => {
  expect(await examine("cluster.leader")).toMatchObject([
    { outcome: "error", finding: expect.stringContaining("not there") },
  ]);
  expect(await examine("cluster.leader", { cluster: { leaderElection: { enabled: false } } })).toMatchObject([
    { outcome: "warning" },
  ]);
});

describe("cluster.controller-manager", () => {
  const files = ["--cluster-signing-cert-file=ca.crt", "--cluster-signing-key-file=ca.key"];
  const off =
    "-certificatesigningrequest-approving-controller,-certificatesigningrequest-signing-controller,-certificatesigningrequest-cleaner-controller";

  test.each([
    {
      name: "as kubeadm starts it",
      flags: ["--controllers=*,bootstrapsigner,tokencleaner", ...files],
      outcomes: ["error", "error", "warning"],
    },
    { name: "without the flag", flags: files, outcomes: ["error", "error", "warning"] },
    { name: "without files to sign with", flags: ["--controllers=*"], outcomes: ["error", "warning"] },
    {
      name: "with empty files, as kubeadm does it for an external CA",
      flags: ["--cluster-signing-cert-file=", "--cluster-signing-key-file="],
      outcomes: ["error", "warning"],
    },
    { name: "with all three off", flags: [`--controllers=*,${off}`, ...files], outcomes: ["ok"] },
    {
      name: "with all three off by their aliases, the flag in two words",
      flags: ["--controllers", "*,-csrapproving,-csrsigning,-csrcleaner", ...files],
      outcomes: ["ok"],
    },
    { name: "with others only", flags: ["--controllers=deployment", ...files], outcomes: ["ok"] },
    { name: "with the signing one named", flags: ["--controllers=csrsigning", ...files], outcomes: ["error"] },
  ])("$name: $outcomes", async ({ flags, outcomes }) => {
    const container = { command: ["kube-controller-manager", ...flags] };
    cluster.putList(PODS, { metadata: { name: "kcm" }, spec: { containers: [container] } });
    expect((await examine("cluster.controller-manager")).map(({ outcome }) => outcome)).toEqual(outcomes);
  });

  test("where there is no pod, the flags are told to be looked at", async () => {
    cluster.putList(PODS);
    expect(await examine("cluster.controller-manager")).toMatchObject([
      { outcome: "skipped", wayOut: expect.stringContaining(off) },
    ]);
  });
});

describe("cluster.approvers", () => {
  const rule = (resource: string, verb: string, resourceNames: readonly string[] = []) => ({
    ...{ apiGroups: ["certificates.k8s.io"], resources: [resource], verbs: [verb], resourceNames },
  });
  const role = (name: string, ...rules: readonly object[]) => ({ metadata: { name }, rules });
  const bind = (name: string, ...subjects: readonly object[]) => ({
    ...{ metadata: { name: `bind-${name}` }, roleRef: { kind: "ClusterRole", name }, subjects },
  });
  const approver = role(
    "approver",
    rule("certificatesigningrequests/approval", "update"),
    rule("signers", "approve", ["kubernetes.io/*"]),
  );

  test("nobody but administrators, kube-controller-manager and ourselves is well", async () => {
    const everything = { apiGroups: ["*"], resources: ["*"], verbs: ["*"] };
    cluster.putList(
      `${RBAC}/clusterroles`,
      approver,
      role("cluster-admin", everything),
      role("reader", rule("certificatesigningrequests", "get")),
    );
    const ourselves = { kind: "ServiceAccount", namespace: "gatehouse-system", name: "gatehouse-controller" };
    const masters = bind("cluster-admin", { kind: "Group", name: "system:masters" });
    cluster.putList(
      `${RBAC}/clusterrolebindings`,
      masters,
      bind("approver", ourselves),
      bind("reader", { kind: "User", name: "jane" }),
    );
    expect(await examine("cluster.approvers")).toMatchObject([{ outcome: "ok" }]);
  });

  test("another approver is named with its binding; everybody is an error", async () => {
    const bare = role("half", rule("signers", "sign"));
    const first = role("first", {
      apiGroups: ["certificates.k8s.io"],
      resources: ["certificatesigningrequests/nodeclient"],
      verbs: ["create"],
    });
    cluster.putList(`${RBAC}/clusterroles`, approver, bare, first);
    cluster.putList(
      `${RBAC}/clusterrolebindings`,
      ...[bind("approver", { kind: "User", name: "jane" }), bind("half", { kind: "User", name: "joe" })],
      bind("first", { kind: "Group", name: "system:bootstrappers" }, { kind: "Group", name: "system:authenticated" }),
    );
    expect(lines(await examine("cluster.approvers"))).toEqual([
      "warning User jane: may approve for kube-apiserver-client, kube-apiserver-client-kubelet, kubelet-serving (ClusterRoleBinding bind-approver)",
      "warning Group system:bootstrappers: may have any first join approved without a person (ClusterRoleBinding bind-first)",
      "error Group system:authenticated: may have any first join approved without a person (ClusterRoleBinding bind-first)",
    ]);
  });
});

const directory = temporaryDirectory();

/** @returns the file of a new CA's certificate, its key beside it. */
function makeCa(name: string): string {
  const file = join(directory, `${name}.crt`);
  const key = [
    "-newkey",
    "ec",
    "-pkeyopt",
    "ec_paramgen_curve:P-256",
    "-nodes",
    "-keyout",
    join(directory, `${name}.key`),
  ];
  openssl("req", "-x509", ...key, "-subj", `/CN=${name}`, "-out", file);
  return file;
}

const importing = (file: string) => ({
  issuer: { import: { certificateFile: file, keyFile: file.replace("crt", "key") } },
});

describe("cluster.requests", () => {
  const approved = (seconds: number) => ({ type: "Approved", status: "True", lastUpdateTime: agoIso(seconds) });
  const csr = (name: string, status: object, more: object = {}, signerName = CLIENT_KUBELET) => ({
    metadata: { name, creationTimestamp: agoIso(7200), ...more },
    ...{ spec: { signerName }, status },
  });
  test("what is signed, denied or waits a little is well, and so is what others sign for", async () => {
    cluster.putList(
      REQUESTS,
      csr("signed", { conditions: [approved(7000)], certificate: "x" }),
      csr("fresh", { conditions: [approved(10)] }),
      csr("new", {}, { creationTimestamp: agoIso(60) }),
      csr("denied", { conditions: [{ type: "Denied", status: "True" }] }),
      csr("foreign", {}, {}, "example.com/theirs"),
    );
    expect(lines(await examine("cluster.requests"))).toEqual(["ok requests: 4 of our signers, none is stuck"]);
  });

  test("each way to be stuck is told, with names", async () => {
    const issuer = { type: "IssuerReady", status: "False" };
    const failed = { type: "Failed", status: "True", message: "subject organization is not system:nodes" };
    cluster.putList(
      REQUESTS,
      ...Array.from({ length: 7 }, (_, index) => csr(`lost-${index}`, { conditions: [approved(3600)] })),
      csr("awaiting", { conditions: [approved(3600), issuer] }),
      csr("old", {}),
      csr("wrong", { conditions: [approved(3600), failed] }),
    );
    expect(lines(await examine("cluster.requests"))).toEqual([
      "error 7 requests: approved more than 5 minutes ago and not signed: lost-0, lost-1, lost-2, lost-3, lost-4 and 2 more",
      "warning 1 request: approved, and wait for an issuer that cannot sign yet: awaiting",
      "warning 1 request: wait for more than an hour for somebody to decide: old",
      "warning 1 request: approved and not signed, since they break a rule: subject organization is not system:nodes: wrong",
    ]);
  });

  test("what kube-controller-manager approves is an error while it is recent", async () => {
    const message = "Auto approving kubelet client certificate after SubjectAccessReview.";
    const by = (text: string, seconds: number) => ({
      conditions: [{ ...approved(seconds), message: text }],
      certificate: "x",
    });
    cluster.putList(
      REQUESTS,
      csr("theirs", by(message, 60)),
      csr("before", by(message, 1800)),
      csr("ours", by("by us", 60)),
    );
    expect(lines(await examine("cluster.requests"))).toEqual([
      "error 1 request: approved by kube-controller-manager, within the last 15 minutes: theirs",
    ]);
  });

  test("what a stranger's CA signs is an error while it is recent", async () => {
    const [ours, theirs] = [makeCa("ours"), makeCa("theirs")];
    const signed = (file: string, seconds: number) => ({
      ...{ conditions: [approved(seconds)], certificate: readFileSync(file).toString("base64") },
    });
    cluster.putList(
      REQUESTS,
      ...[csr("ours", signed(ours, 60)), csr("theirs", signed(theirs, 60)), csr("before", signed(theirs, 1800))],
      csr("garbage", { conditions: [approved(60)], certificate: "eA==" }),
    );
    expect(lines(await examine("cluster.requests", importing(ours)))).toEqual([
      "error 2 requests: signed by a CA that is none of ours, within the last 15 minutes: theirs, garbage",
    ]);
  });
});

describe("cluster.trust", () => {
  const pemOf = (file: string): string => openssl("x509", "-in", file);
  const CLIENTS = "/api/v1/namespaces/kube-system/configmaps/extension-apiserver-authentication";
  const ROOTS = "/api/v1/namespaces/default/configmaps/kube-root-ca.crt";
  test("an issuer that the cluster knows is well, a stranger of the same name is an error", async () => {
    const ours = makeCa("cluster-ca");
    const pem = pemOf(ours);
    cluster.put(CLIENTS, { data: { "client-ca-file": pem } });
    cluster.put(ROOTS, { data: { "ca.crt": pem } });
    expect((await examine("cluster.trust", importing(ours))).map(({ outcome }) => outcome)).toEqual(["ok", "ok"]);
    const stranger = makeCa("cluster-ca");
    expect((await examine("cluster.trust", importing(stranger))).map(({ outcome }) => outcome)).toEqual([
      "error",
      "warning",
    ]);
  });

  test("an intermediate below a CA that the cluster knows is well", async () => {
    const root = makeCa("root");
    const below = join(directory, "below.crt");
    const request = join(directory, "below.csr");
    openssl(
      ...["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=below"],
      ...["-keyout", join(directory, "below.key"), "-out", request],
    );
    openssl(...["x509", "-req", "-in", request, "-CA", root, "-CAkey", join(directory, "root.key"), "-out", below]);
    cluster.put(CLIENTS, { data: { "client-ca-file": pemOf(root) } });
    cluster.put(ROOTS, { data: { "ca.crt": pemOf(root) } });
    expect((await examine("cluster.trust", importing(below))).map(({ outcome }) => outcome)).toEqual(["ok", "ok"]);
  });
});

describe("cluster.webhooks", () => {
  const path = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations";
  const rules = [{ apiGroups: ["certificates.k8s.io"], resources: ["certificatesigningrequests/status"] }];
  const service = { clientConfig: { service: { namespace: "policy", name: "gate" } } };
  const webhook = (more: object) => ({ metadata: { name: "x" }, webhooks: [{ name: "gate", rules, ...more }] });
  const slices = "/apis/discovery.k8s.io/v1/namespaces/policy/endpointslices";

  test.each([
    { name: "of other objects", more: { rules: [{ apiGroups: [""], resources: ["pods"] }] }, ready: [], outcome: "ok" },
    { name: "whose pods are ready", more: service, ready: [true, false], outcome: "ok" },
    { name: "without a pod that is ready", more: service, ready: [false], outcome: "error" },
    {
      name: "without any, that is passed over",
      more: { ...service, failurePolicy: "Ignore" },
      ready: [],
      outcome: "warning",
    },
    { name: "elsewhere", more: { clientConfig: { url: "https://10.0.0.1" } }, ready: [], outcome: "warning" },
  ])("one $name is $outcome", async ({ more, ready, outcome }) => {
    cluster.putList(path, webhook(more));
    cluster.putList(slices, { endpoints: ready.map((each) => ({ conditions: { ready: each } })) });
    expect(await examine("cluster.webhooks")).toMatchObject([{ outcome }]);
  });
});
