import { setImmediate as turn } from "node:timers/promises";
import { expect, test } from "@jest/globals";
import Database from "better-sqlite3";
import { createNodeCertificates } from "../../../services/certificate-authority/ledger/node-certificates.ts";
import { openTestLedger } from "../../builders/ledger.ts";
import { certificateRecord } from "../../builders/records.ts";

const CLIENT = "kubernetes.io/kube-apiserver-client-kubelet";

test("the certificates of a node for a signer are known as soon as they are on record, the newest first", async () => {
  const opened = await openTestLedger();
  try {
    const { certificates } = opened.ledger;
    expect(certificates.ofNode("node-1", CLIENT)).toEqual([]);
    const at = (day: number) => new Date(Date.UTC(2026, 0, day));
    await certificates.record(certificateRecord({ serial: "01", notBefore: at(1), issuedAt: at(1) }));
    await certificates.record(certificateRecord({ serial: "02", notBefore: at(2), state: "revoked" }));
    await certificates.record(certificateRecord({ serial: "03", signerName: "kubernetes.io/kubelet-serving" }));
    await certificates.record(certificateRecord({ serial: "04", nodeName: "node-2" }));
    expect(certificates.ofNode("node-1", CLIENT)).toMatchObject([
      { serial: "02", state: "revoked", requester: "system:bootstrap:abcdef" },
      { serial: "01", state: "issued", issuedAt: at(1), spkiSha256: "22".repeat(32) },
    ]);
    expect(certificates.ofNode("node-3", CLIENT)).toEqual([]);
  } finally {
    await opened.close();
  }
});

test("a ledger that is opened again knows its nodes, before and after all names were read", async () => {
  const opened = await openTestLedger();
  try {
    const { certificates } = opened.ledger;
    for (let index = 0; index < 5; index += 1) {
      await certificates.record(certificateRecord({ serial: `0${index}`, nodeName: `node-${index}` }));
    }
    const reader = new Database(opened.file, { readonly: true });
    const known = createNodeCertificates(reader);
    expect(known.of("node-4", CLIENT)).toHaveLength(1);
    await turn();
    await turn();
    expect(known.of("node-4", CLIENT)).toHaveLength(1);
    expect(known.of("node-9", CLIENT)).toEqual([]);
    reader.close();
    // Nothing is read about names that were certainly never certified.
    expect(known.of("node-9", CLIENT)).toEqual([]);
    expect(() => known.of("node-4", CLIENT)).toThrow();
  } finally {
    await opened.close();
  }
});
