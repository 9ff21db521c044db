import { readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { compilePolicy, requireRoles } from "../../../services/certificate-authority/access/rbac/policy.ts";
import { readRbacFiles } from "../../../services/certificate-authority/access/rbac/read-objects.ts";
import { STOCK_OBJECTS } from "../../../services/certificate-authority/access/rbac/stock-objects.ts";
import type { AccessAttributes } from "../../../services/certificate-authority/domain/authorization.ts";
import { ANONYMOUS, type UserInfo } from "../../../services/shared/user-info.ts";
import { withStockObjects } from "../../builders/rbac.ts";
import { bootstrapper, node, onPath, onResource, user } from "../../builders/users.ts";

const RBAC_DIRECTORY = "config/rbac";
const stock = compilePolicy(STOCK_OBJECTS);
const withFile = (file: string) => compilePolicy(withStockObjects(readRbacFiles([join(RBAC_DIRECTORY, file)])));

const administrator = user("gatehouse-admin", "gatehouse:administrators");
const stranger = user("stranger");
const monitor = user("prometheus", "system:monitoring");
const selfNodeClient = onResource({ verb: "create", version: "*", subresource: "selfnodeclient" });
const nodeClient = onResource({ verb: "create", version: "*", subresource: "nodeclient" });
const signer = (verb: string, name: string) => onResource({ verb, version: "*", resource: "signers", name });
const review = (resource: string, group = "authorization.k8s.io") => onResource({ verb: "create", group, resource });

test.each<[who: UserInfo, what: AccessAttributes, allowed: boolean]>([
  [ANONYMOUS, onPath("get", "/healthz"), true],
  [ANONYMOUS, onPath("get", "/livez"), true],
  [ANONYMOUS, onPath("get", "/readyz"), true],
  [ANONYMOUS, onPath("get", "/version"), true],
  [ANONYMOUS, onPath("get", "/v1/trust-bundle"), true],
  [ANONYMOUS, onPath("post", "/v1/trust-bundle"), false],
  [ANONYMOUS, onPath("get", "/v1/spiffe/bundles/example.org"), true],
  [ANONYMOUS, onPath("post", "/v1/spiffe/bundles/example.org"), false],
  [ANONYMOUS, onPath("get", "/v1/certificates"), false],
  [ANONYMOUS, onPath("get", "/metrics"), false],
  [ANONYMOUS, onPath("get", "/apis"), false],
  [ANONYMOUS, onPath("get", "/openapi/v3"), false],
  [ANONYMOUS, onResource(), false],
  [ANONYMOUS, review("selfsubjectaccessreviews"), false],
  [stranger, onPath("get", "/apis"), true],
  [stranger, onPath("get", "/apis/certificates.k8s.io/v1"), true],
  [stranger, onPath("get", "/openapi/v3"), true],
  [stranger, onPath("get", "/v1/trust-bundle"), true],
  [stranger, onPath("get", "/v1/bootstrap-tokens"), false],
  [stranger, onPath("get", "/metrics"), false],
  [stranger, onResource(), false],
  [stranger, review("selfsubjectaccessreviews"), true],
  [stranger, review("selfsubjectrulesreviews"), true],
  [stranger, review("selfsubjectreviews", "authentication.k8s.io"), true],
  [stranger, review("subjectaccessreviews"), false],
  [monitor, onPath("get", "/metrics"), true],
  [monitor, onPath("get", "/readyz/ledger"), true],
  [monitor, onResource(), false],
  [bootstrapper(), onResource({ verb: "create" }), true],
  [bootstrapper(), onResource({ verb: "get", name: "csr-x" }), true],
  [bootstrapper(), onResource({ verb: "list" }), true],
  [bootstrapper(), onResource({ verb: "watch" }), true],
  [bootstrapper(), onResource({ verb: "delete", name: "csr-x" }), false],
  [bootstrapper(), onResource({ verb: "update", subresource: "approval" }), false],
  [bootstrapper(), nodeClient, false],
  [bootstrapper(), selfNodeClient, false],
  [node("a"), onResource({ verb: "create" }), true],
  [node("a"), onResource({ verb: "watch" }), true],
  [node("a"), onResource({ verb: "delete" }), false],
  [node("a"), selfNodeClient, true],
  [node("a"), nodeClient, false],
  [node("a"), signer("approve", "kubernetes.io/kubelet-serving"), false],
  [administrator, signer("sign", "kubernetes.io/kubelet-serving"), true],
  [administrator, onPath("delete", "/v1/bootstrap-tokens/abcdef"), true],
  [administrator, onResource({ verb: "impersonate", group: "", resource: "users", name: "x" }), true],
])("with nothing configured, %j may %j: %s", (who, what, allowed) => {
  expect(stock.decide(who, what).allowed).toBe(allowed);
});

test("every stock role holds what Kubernetes' role of that name says about signers", () => {
  const bound = (role: string) =>
    compilePolicy(
      withStockObjects([
        {
          kind: "ClusterRoleBinding",
          name: "test",
          namespace: "",
          roleRef: { kind: "ClusterRole", name: role },
          subjects: [{ kind: "User", name: "x", namespace: "" }],
        },
      ]),
    );
  const signers = ["kube-apiserver-client", "kube-apiserver-client-kubelet", "kubelet-serving", "legacy-unknown"];
  const may = (role: string, verb: string) =>
    signers.filter((name) => bound(role).decide(user("x"), signer(verb, `kubernetes.io/${name}`)).allowed);
  for (const name of signers) {
    expect(may(`system:certificates.k8s.io:${name}-approver`, "approve")).toEqual([name]);
    expect(may(`system:certificates.k8s.io:${name}-approver`, "sign")).toEqual([]);
  }
  expect(may("system:controller:certificate-controller", "approve")).toEqual(["kube-apiserver-client-kubelet"]);
  expect(may("system:controller:certificate-controller", "sign")).toEqual(signers);
});

test("an object of an administrator takes the stock one's place", () => {
  const binding = STOCK_OBJECTS.find(({ name }) => name === "kubeadm:kubelet-bootstrap");
  if (binding?.kind !== "ClusterRoleBinding") throw new Error("no such stock binding");
  const policy = compilePolicy(withStockObjects([{ ...binding, subjects: [] }]));
  expect(policy.decide(bootstrapper(), onResource({ verb: "create" })).allowed).toBe(false);
});

test("every example file loads", () => {
  const files = readdirSync(RBAC_DIRECTORY).map((file) => join(RBAC_DIRECTORY, file));
  expect(files).toHaveLength(9);
  const objects = readRbacFiles(files);
  requireRoles(objects, withStockObjects(objects));
});

test.each<[file: string, who: UserInfo, what: AccessAttributes, allowed: boolean]>([
  ["auto-approve-bootstrap.yaml", bootstrapper(), nodeClient, true],
  ["auto-approve-bootstrap.yaml", bootstrapper(), selfNodeClient, false],
  ["auto-approve-bootstrap.yaml", node("a"), nodeClient, false],
  ["viewers.yaml", user("v", "gatehouse:viewers"), onPath("get", "/v1/certificates/ab"), true],
  ["viewers.yaml", user("v", "gatehouse:viewers"), onPath("get", "/v1/bootstrap-tokens"), false],
  ["viewers.yaml", user("v", "gatehouse:viewers"), onPath("get", "/v1/approval"), true],
  ["viewers.yaml", user("v", "gatehouse:viewers"), onPath("get", "/v1/approval/shadow"), true],
  ["viewers.yaml", user("v", "gatehouse:viewers"), onPath("post", "/v1/requests/csr-x/approve"), false],
  ["viewers.yaml", user("v", "gatehouse:viewers"), onResource({ verb: "watch" }), true],
  ["viewers.yaml", user("v", "gatehouse:viewers"), onResource({ verb: "create" }), false],
  ["auditors.yaml", user("a", "gatehouse:auditors"), onPath("get", "/v1/audit"), true],
  ["auditors.yaml", user("a", "gatehouse:auditors"), onPath("post", "/v1/ledger/verification"), true],
  ["auditors.yaml", user("a", "gatehouse:auditors"), onPath("get", "/v1/ledger/backup"), false],
  [
    "kubelet-approvers.yaml",
    user("k", "gatehouse:kubelet-approvers"),
    signer("approve", "kubernetes.io/kubelet-serving"),
    true,
  ],
  [
    "kubelet-approvers.yaml",
    user("k", "gatehouse:kubelet-approvers"),
    signer("approve", "kubernetes.io/kube-apiserver-client"),
    false,
  ],
  [
    "kubelet-approvers.yaml",
    user("k", "gatehouse:kubelet-approvers"),
    signer("sign", "kubernetes.io/kubelet-serving"),
    false,
  ],
  [
    "kubelet-approvers.yaml",
    user("k", "gatehouse:kubelet-approvers"),
    onResource({ verb: "update", subresource: "approval" }),
    true,
  ],
  [
    "kubelet-approvers.yaml",
    user("k", "gatehouse:kubelet-approvers"),
    onPath("post", "/v1/requests/csr-x/approve"),
    true,
  ],
  [
    "client-approvers.yaml",
    user("c", "gatehouse:client-approvers"),
    signer("approve", "kubernetes.io/kube-apiserver-client"),
    true,
  ],
  [
    "client-approvers.yaml",
    user("c", "gatehouse:client-approvers"),
    signer("approve", "kubernetes.io/kube-apiserver-client-kubelet"),
    false,
  ],
  ["client-approvers.yaml", user("c", "gatehouse:client-approvers"), onPath("post", "/v1/requests/csr-x/deny"), true],
  ["client-approvers.yaml", user("c", "gatehouse:client-approvers"), onPath("post", "/v1/explain"), false],
  [
    "token-administrators.yaml",
    user("t", "gatehouse:token-administrators"),
    onPath("post", "/v1/bootstrap-tokens"),
    true,
  ],
  ["token-administrators.yaml", user("t", "gatehouse:token-administrators"), onPath("get", "/v1/ledger/backup"), false],
  [
    "certificate-controller.yaml",
    user("system:kube-controller-manager"),
    signer("sign", "kubernetes.io/kubelet-serving"),
    true,
  ],
  ["certificate-controller.yaml", user("system:kube-controller-manager"), onResource({ verb: "create" }), false],
])("with %s, %j may %j: %s", (file, who, what, allowed) => {
  expect(withFile(file).decide(who, what).allowed).toBe(allowed);
});
