import { X509Certificate } from "node:crypto";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import { openTokens, type Tokens } from "../../../../services/certificate-authority/custody/pkcs11/tokens.ts";
import { NEEDS_SOFT_HSM, SOFT_HSM_MODULE, SoftHsm } from "../../../builders/soft-hsm.ts";
import { type Bench, elsewhere, rotationBench } from "./fixture.ts";

const describeWithTokens = SOFT_HSM_MODULE === undefined ? describe.skip : describe;
const PLAIN = { bridge: false, chainPem: undefined };

describeWithTokens(`issuers with their keys in tokens (${NEEDS_SOFT_HSM})`, () => {
  let hsm: SoftHsm;
  let bench: Bench;
  let tokens: Tokens;
  beforeAll(async () => {
    hsm = new SoftHsm();
    await hsm.useInThisProcess();
  });
  beforeEach(async () => {
    bench = await rotationBench();
    hsm.addToken(bench.directory.slice(-20));
    const settings = [tokenSettings()];
    tokens = await openTokens({ settings, environment: () => undefined, logger: bench.log.logger });
  });
  afterEach(async () => {
    await tokens.close();
    await bench.opened.close();
  });
  afterAll(() => hsm.remove());

  const tokenSettings = () => {
    const tokenLabel = bench.directory.slice(-20);
    return { name: "hsm", module: SOFT_HSM_MODULE ?? "", tokenLabel, pinFile: hsm.pinFile, timeoutSeconds: 5 };
  };

  const open = (issuers: readonly object[] = [], issuer: object = { token: "hsm", keyLabel: "ca" }) =>
    bench.open({ tokens: [tokenSettings()], issuer, issuers }, { tokens });

  const recorded = async (name = "default") =>
    (await bench.opened.ledger.issuers.list()).filter((record) => record.name === name);

  test("the next key lies beside the one that signs, under a label of its own; starts find each by what is on record", async () => {
    const { rotation } = await open();
    const before = await bench.idOf("active");
    await rotation.prepare("default", { bridge: true, chainPem: undefined }, "alice");
    expect((await recorded()).map(({ keyLabel = "" }) => keyLabel).toSorted()).toEqual(["", "ca.2"]);
    await rotation.activate("default", [], "alice");
    const again = await open();
    const availability = again.live.issuerFor("kubernetes.io/kubelet-serving");
    if (availability.kind === "awaited") throw new Error(availability.message);
    const { description, chainPem } = availability.issuer;
    expect(description.id).toBe(await bench.idOf("active"));
    expect(description.id).not.toBe(before);
    const [old] = (await recorded()).filter(({ id }) => id === before);
    expect(new X509Certificate(chainPem).verify(new X509Certificate(old?.certificatePem ?? "").publicKey)).toBe(true);
    await again.rotation.retire("default", undefined, [], "alice");
    await again.rotation.prepare("default", PLAIN, "alice");
    await again.rotation.abandon("default", "alice");
    await again.rotation.prepare("default", PLAIN, "alice");
    const labels = (await recorded()).map(({ keyLabel = "" }) => keyLabel).toSorted();
    expect(labels).toEqual(["", "ca.2", "ca.3", "ca.4"]);
  });

  test("a crash before the record leaves a key that the next call uses", async () => {
    const { rotation } = await open();
    const records = bench.opened.ledger.rotation;
    const prepare = records.prepare.bind(records);
    Object.assign(records, { prepare: () => Promise.reject(new Error("kill -9")) });
    await expect(rotation.prepare("default", PLAIN, "alice")).rejects.toThrow("kill -9");
    Object.assign(records, { prepare });
    const left = await tokens.get("hsm").findKey("ca.2");
    await rotation.prepare("default", PLAIN, "alice");
    const [prepared] = (await recorded()).filter(({ slot }) => slot === "prepared");
    const spki = new X509Certificate(prepared?.certificatePem ?? "").publicKey.export({ type: "spki", format: "der" });
    expect(left).toBeDefined();
    expect(Buffer.from(left?.spkiDer ?? []).equals(spki)).toBe(true);
  });

  test("signed elsewhere: the request is for a new key in the token", async () => {
    const sign = elsewhere(bench);
    const corporate = { name: "corporate", commonName: "corporate", externallySigned: true, token: "hsm" };
    const { rotation, administration } = await open([corporate], {});
    await administration.install(
      "corporate",
      sign(await administration.requestCertificate("corporate", "alice")),
      "alice",
    );
    const asked = await rotation.prepare("corporate", PLAIN, "alice");
    if (asked.kind !== "awaitsCertificate") throw new Error("it was not asked for");
    await rotation.prepare("corporate", { bridge: false, chainPem: sign(asked.requestPem) }, "alice");
    await rotation.activate("corporate", [], "alice");
    const labels = (await recorded("corporate")).map(({ slot, keyLabel = "" }) => `${slot} ${keyLabel}`).toSorted();
    expect(labels).toEqual(["active gatehouse-corporate.2", "old "]);
  });
});
