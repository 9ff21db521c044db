import { expect, test } from "@jest/globals";
import {
  approvalWarnings,
  clusterWarnings,
} from "../../../services/certificate-authority/approval/approval-warnings.ts";
import { approvalSchema } from "../../../services/certificate-authority/approval/settings.ts";

const RANGES = { addressRanges: [{ ranges: ["10.0.0.0/8"] }] };
const NAMES = { nameSuffixes: {} };

test.each([
  { name: "the default chain", hooks: [{ manual: {} }, { "kubelet-client": {} }], says: [] },
  { name: "names alone", hooks: [{ "kubelet-serving": { sources: [NAMES] } }], says: [] },
  {
    name: "names that need not be unique",
    hooks: [{ manual: {} }, { "kubelet-serving": { sources: [NAMES], unique: false } }],
    says: [/^approval\.hooks\[1\] \(kubelet-serving\): unique is false/],
  },
  {
    name: "addresses by range",
    hooks: [{ "kubelet-serving": { name: "serving", sources: [NAMES, RANGES] } }],
    says: [/^approval\.hooks\[0\] \(serving\): addressRanges/],
  },
  {
    name: "addresses by DNS",
    hooks: [{ "kubelet-serving": { sources: [{ dns: { ranges: ["10.0.0.0/8"] } }] } }],
    says: [/^approval\.hooks\[0\] \(kubelet-serving\): dns believes/],
  },
  {
    name: "certificates that renew themselves",
    hooks: [{ "self-renewal": { signers: ["example.com/backup"] } }],
    says: [/^approval\.hooks\[0\] \(self-renewal\): a stolen certificate of example\.com\/backup/],
  },
  {
    name: "names that change hands",
    hooks: [{ manual: {} }],
    guards: { firstJoin: "allow" },
    says: [/^approval\.guards\.firstJoin is allow/],
  },
  { name: "names that nobody else gets", hooks: [{ manual: {} }], guards: { firstJoin: "deny" }, says: [] },
])("$name: what is less safe is said", ({ hooks, guards, says }) => {
  const warnings = approvalWarnings(approvalSchema.parse({ hooks, guards }));
  expect(warnings).toEqual(says.map((pattern) => expect.stringMatching(pattern)));
});

test("in a cluster, a quorum that its own API server does not know is told", () => {
  const hooks = [{ manual: {} }, { manual: { name: "four-eyes", quorum: 2 } }, { "kubelet-client": {} }];
  expect(clusterWarnings(approvalSchema.parse({ hooks }))).toEqual([
    expect.stringMatching(/^approval\.hooks\[1\] \(four-eyes\): quorum 2 counts who approves through Gatehouse/),
  ]);
});
