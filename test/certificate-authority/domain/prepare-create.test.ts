import { expect, test } from "@jest/globals";
import { completeName, prepareCreate } from "../../../services/certificate-authority/domain/prepare-create.ts";
import type { UserInfo } from "../../../services/shared/user-info.ts";
import { draft, REQUEST } from "../../builders/request.ts";

const NOW = new Date("2026-01-02T03:04:05.678Z");
const REQUESTER: UserInfo = {
  username: "system:bootstrap:abcdef",
  uid: "user-1",
  groups: ["system:bootstrappers"],
  extra: { "example.com/key": ["a", "b"] },
};
const CREATION = { name: "csr-1", uid: "uid-1", now: NOW, requester: REQUESTER };

test("identity comes from the requester, status is empty, the server's fields are the server's", () => {
  const sent = draft({
    metadata: { uid: "mine", generateName: "csr-", namespace: "default", labels: { a: "b" } },
    spec: { expirationSeconds: 3600 },
    status: {
      conditions: [{ type: "Approved", status: "True", reason: "Me", message: "" }],
      certificate: "Zm9yZ2Vk",
    },
  });
  expect(prepareCreate(sent, CREATION)).toEqual({
    apiVersion: "certificates.k8s.io/v1",
    kind: "CertificateSigningRequest",
    metadata: {
      name: "csr-1",
      generateName: "csr-",
      uid: "uid-1",
      resourceVersion: "",
      creationTimestamp: "2026-01-02T03:04:05Z",
      labels: { a: "b" },
    },
    spec: {
      request: REQUEST,
      signerName: "kubernetes.io/kube-apiserver-client-kubelet",
      expirationSeconds: 3600,
      usages: ["digital signature", "client auth"],
      username: "system:bootstrap:abcdef",
      uid: "user-1",
      groups: ["system:bootstrappers"],
      extra: { "example.com/key": ["a", "b"] },
    },
    status: {},
  });
});

test("what is empty is left out", () => {
  const requester: UserInfo = { username: "", uid: "", groups: [], extra: {} };
  const created = prepareCreate(draft(), { ...CREATION, requester });
  expect(Object.keys(created.spec)).toEqual(["request", "signerName", "usages"]);
  expect(Object.keys(created.metadata)).toEqual(["name", "uid", "resourceVersion", "creationTimestamp"]);
});

test("what a client smuggles into spec beside the draft's members is dropped", () => {
  const sent = draft();
  const smuggled = { ...sent, spec: { ...sent.spec, username: "root", extra: { a: ["b"] } } };
  const requester: UserInfo = { username: "", uid: "", groups: [], extra: {} };
  expect(prepareCreate(smuggled, { ...CREATION, requester }).spec).toEqual(draft().spec);
});

test.each([
  { name: "short", generateName: "csr-", completed: "csr-x2x2x" },
  { name: "58 characters", generateName: "g".repeat(58), completed: `${"g".repeat(58)}x2x2x` },
  { name: "58 octets", generateName: "ü".repeat(29), completed: `${"ü".repeat(29)}x2x2x` },
  { name: "a character over the end", generateName: `${"ü".repeat(28)}x日`, completed: `${"ü".repeat(28)}xx2x2x` },
  { name: "59 characters", generateName: "g".repeat(59), completed: `${"g".repeat(58)}x2x2x` },
])("completeName: $name", ({ generateName, completed }) => {
  expect(completeName(generateName, "x2x2x")).toBe(completed);
});
