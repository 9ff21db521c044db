import { expect, test } from "@jest/globals";
import { reservation } from "../../../../services/certificate-authority/approval/evidence/reserved-names.ts";

const SETTINGS = { clusterDomain: "cluster.local", reserved: ["10.96.0.0/12", "10.0.0.2", "api.example.com"] };

test.each([
  "localhost",
  "worker.localhost",
  "localhost.localdomain",
  "ip6-loopback",
  "kubernetes",
  "kubernetes.default",
  "kubernetes.default.svc",
  "kubernetes.default.svc.cluster.local",
  "kubernetes.default.svc.other.domain",
  "db.team.svc",
  "db.team.svc.cluster.local",
  "cluster.local",
  "*.example.com",
  "w*rker",
  "*",
  "worker-1.",
  ".worker-1",
  "worker..1",
  "worker 1",
  "worker\u00001",
  "wörker",
  "10.0.0.9",
  "fd00::1",
  "",
  `${"a".repeat(64)}.example.com`,
  `${"a.".repeat(127)}aa`,
  "api.example.com",
  "v1.api.example.com",
])("the DNS name %j is reserved", (name) => {
  expect(reservation({ kind: "dns", name }, SETTINGS)).toEqual(expect.any(String));
});

test("a wildcard is called one", () => {
  expect(reservation({ kind: "dns", name: "*.example.com" }, SETTINGS)).toBe("a wildcard");
});

test.each([
  "127.0.0.1",
  "127.255.0.1",
  "0.0.0.0",
  "169.254.169.254",
  "224.0.0.1",
  "255.255.255.255",
  "::",
  "::1",
  "fe80::1",
  "ff02::1",
  "10.96.0.1",
  "10.0.0.2",
])("the address %s is reserved", (name) => {
  expect(reservation({ kind: "ip", name }, SETTINGS)).toEqual(expect.any(String));
});

test.each([
  { kind: "dns", name: "worker-1" },
  { kind: "dns", name: "worker-1.example.com" },
  { kind: "dns", name: "kubernetes-worker" },
  { kind: "dns", name: "svc-1.example.com" },
  { kind: "dns", name: "localhost-1" },
  { kind: "dns", name: "myapi.example.com" },
  { kind: "ip", name: "10.0.0.1" },
  { kind: "ip", name: "10.112.0.1" },
  { kind: "ip", name: "fd00::1" },
  { kind: "ip", name: "128.0.0.1" },
] as const)("$name is an ordinary name", (claimed) => {
  expect(reservation(claimed, SETTINGS)).toBeUndefined();
});
