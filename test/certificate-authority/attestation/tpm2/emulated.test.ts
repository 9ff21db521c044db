import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { EmulatedTpm, EmulatedVendor, HAS_SWTPM, NEEDS_SWTPM } from "../../../builders/swtpm.ts";
import { anchorsFile, exchangeWith, tpm2Attestor, verifyExchange } from "../../../builders/tpm-attestation.ts";

const describeWithTpm = HAS_SWTPM ? describe : describe.skip;

describeWithTpm(`attestation by emulated TPMs (${NEEDS_SWTPM})`, () => {
  let vendor: EmulatedVendor;
  let tpm: EmulatedTpm;
  let other: EmulatedTpm;
  let settings: { ekRoots: string; ekIntermediates: string };

  beforeAll(async () => {
    vendor = new EmulatedVendor();
    tpm = await EmulatedTpm.start(vendor);
    other = await EmulatedTpm.start(vendor);
    settings = { ekRoots: anchorsFile(vendor.rootPem), ekIntermediates: anchorsFile(vendor.issuerPem) };
  }, 60_000);

  afterAll(async () => {
    await tpm.remove();
    await other.remove();
    vendor.remove();
  });

  test.each(["rsa2048", "p384"] as const)("a certified %s endorsement key is taken", async (endorsementKey) => {
    const attestor = tpm2Attestor(settings);
    const exchange = await exchangeWith(attestor, await tpm.connect(), { endorsementKey });
    const evidence = await verifyExchange(attestor, exchange);
    expect(evidence).toMatchObject({
      machineId: expect.stringMatching(/^tpm2:[0-9a-f]{64}$/),
      pins: { attestation_key: expect.stringMatching(/^000b[0-9a-f]{64}$/) },
      fields: {
        ek_template: endorsementKey,
        ek_certified: "true",
        tpm_model: "swtpm",
        tpm_manufacturer: "id:00001014",
      },
      isFresh: true,
    });
    expect(evidence).not.toHaveProperty("mustBeEnrolled");
  });
});
