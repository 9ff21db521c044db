import { expect, test } from "@jest/globals";
import { addressRangesSource } from "../../../../services/certificate-authority/approval/evidence/address-ranges.ts";
import { nameSuffixesSource } from "../../../../services/certificate-authority/approval/evidence/name-suffixes.ts";
import type { ClaimedName } from "../../../../services/certificate-authority/approval/evidence/source.ts";

const dns = (name: string): ClaimedName => ({ kind: "dns", name });
const ip = (name: string): ClaimedName => ({ kind: "ip", name });

test.each([
  { claimed: dns("worker-1"), isShown: true },
  { claimed: dns("worker-1.example.com"), isShown: true },
  { claimed: dns("worker-1.eu.example.com"), isShown: false },
  { claimed: dns("worker-10"), isShown: false },
  { claimed: dns("worker-10.example.com"), isShown: false },
  { claimed: dns("worker-1x.example.com"), isShown: false },
  { claimed: dns("a.worker-1.example.com"), isShown: false },
  { claimed: dns("worker-1.example.com.evil.org"), isShown: false },
  { claimed: dns("worker-1.example.org"), isShown: false },
  { claimed: dns("example.com"), isShown: false },
  { claimed: dns("worker-1."), isShown: false },
])("nameSuffixes: $claimed.name of node worker-1: $isShown", ({ claimed, isShown }) => {
  const source = nameSuffixesSource({ bareNodeName: true, suffixes: ["example.com"] });
  expect(source.show("worker-1", claimed)).toMatchObject({ isShown, ...(isShown && { isExact: false }) });
});

test("nameSuffixes: the bare name only where it is said, and nothing about addresses", () => {
  const source = nameSuffixesSource({ bareNodeName: false, suffixes: ["example.com"] });
  expect(source.show("worker-1", dns("worker-1"))).toMatchObject({ isShown: false });
  expect(source.show("10.0.0.1", ip("10.0.0.1"))).toBeUndefined();
});

test.each([
  { node: "worker-1", address: "10.0.7.9", isShown: true },
  { node: "worker-1", address: "10.1.0.1", isShown: false },
  { node: "worker-1", address: "192.168.0.5", isShown: true },
  { node: "edge-1", address: "10.0.7.9", isShown: false },
  { node: "edge-1", address: "fd00::7", isShown: true },
  { node: "other", address: "192.168.0.5", isShown: true },
  { node: "other", address: "192.168.1.5", isShown: false },
])("addressRanges: $address of node $node: $isShown", ({ node, address, isShown }) => {
  const source = addressRangesSource([
    { nodes: ["worker-*"], ranges: ["10.0.0.0/16"] },
    { nodes: ["edge-*"], ranges: ["fd00::/64"] },
    { ranges: ["192.168.0.0/24"] },
  ]);
  expect(source.show(node, ip(address))).toMatchObject({ isShown, ...(isShown && { isExact: false }) });
});

test("addressRanges: says nothing about names, and when a node has no range at all", () => {
  const source = addressRangesSource([{ nodes: ["worker-*"], ranges: ["10.0.0.0/16"] }]);
  expect(source.show("worker-1", dns("worker-1"))).toBeUndefined();
  expect(source.show("edge-1", ip("10.0.0.1"))).toMatchObject({ says: expect.stringContaining("no range") });
});
