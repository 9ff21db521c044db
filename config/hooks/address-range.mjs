#!/usr/bin/env node
// Judges the addresses of kubelets' serving certificates by ranges: denies what asks for an address outside of them, approves
// what asks for addresses inside, and leaves everything else to others. That an address is in a range does not show whose
// it is, so this is a hook to require beside another one.
//
//   script: { command: [address-range.mjs, 10.0.0.0/16, "fd00::/64"], mode: server, required: true }
//
// It stays and answers a line for each line it reads, so that a storm of requests starts no process.
import { BlockList, isIP } from "node:net";
import { createInterface } from "node:readline";

const SERVING = "kubernetes.io/kubelet-serving";

const family = (address) => (isIP(address) === 6 ? "ipv6" : "ipv4");

const ranges = new BlockList();
for (const range of process.argv.slice(2)) {
  const [address, bits] = range.split("/");
  ranges.addSubnet(address, Number(bits), family(address));
}

function decide({ request, sans }) {
  if (request.signerName !== SERVING) return { decision: "skip" };
  const outside = sans.ipAddresses.filter((address) => !ranges.check(address, family(address)));
  if (outside.length > 0) {
    const message = "an address is outside of the ranges that nodes have";
    return { decision: "deny", reason: "OutsideRange", message, evidence: { outside } };
  }
  if (sans.ipAddresses.length === 0) return { decision: "noOpinion", reason: "NoAddress" };
  const message = "every address is in a range that nodes have";
  return { decision: "approve", reason: "InRange", message, evidence: { inside: sans.ipAddresses } };
}

for await (const line of createInterface({ input: process.stdin })) {
  const document = JSON.parse(line);
  // The uid says which request the answer is for.
  process.stdout.write(`${JSON.stringify({ ...decide(document), uid: document.request.uid })}\n`);
}
