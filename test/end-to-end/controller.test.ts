import { X509Certificate } from "node:crypto";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import {
  type CertificateSigningRequest,
  conditionOf,
} from "../../services/certificate-authority/domain/certificate-signing-request.ts";
import { buildCsr } from "../builders/csr.ts";
import { temporaryDirectory } from "../builders/temporary-directory.ts";
import { Administrator } from "./support/administrator.ts";
import { configurationWith } from "./support/configuration.ts";
import { type GatehouseProcess, startGatehouse } from "./support/gatehouse-process.ts";

jest.setTimeout(240_000);

const SIGNER = "example.com/service";
const USAGES = ["digital signature", "client auth"];
const START_LIMIT_MILLISECONDS = 120_000;

/** Its own API server leaves requests of this signer alone: it knows none of that name. */
const CONFIGURATION = configurationWith({
  issuers: [{ name: "services", commonName: "services" }],
  signers: [
    {
      signerName: SIGNER,
      issuer: "services",
      profile: { subject: { commonName: ["*"] }, usages: { allowed: USAGES } },
    },
  ],
  approval: {
    hooks: [
      { manual: {} },
      { policy: { rules: [{ name: "robots", when: "subject.commonName.startsWith('robot-')", approve: "true" }] } },
    ],
  },
  // The standalone server has no Leases.
  cluster: { signers: [SIGNER], leaderElection: { enabled: false } },
  cleaner: { intervalSeconds: 1 },
});

describe("gatehouse controller with gatehouse serve as its API server", () => {
  const directory = temporaryDirectory();
  let apiServer: GatehouseProcess;
  let controller: GatehouseProcess;
  let people: Administrator;

  async function startController(dataDirectory = mkdtempSync(join(directory, "controller-"))): Promise<void> {
    controller = await startGatehouse({
      command: ["controller", "--kubeconfig", apiServer.adminKubeconfig],
      ...{ configuration: CONFIGURATION, dataDirectory, startLimitMilliseconds: START_LIMIT_MILLISECONDS },
    });
  }

  beforeAll(async () => {
    apiServer = await startGatehouse({ startLimitMilliseconds: START_LIMIT_MILLISECONDS });
    people = new Administrator(apiServer.adminKubeconfig);
    await startController();
  });
  afterAll(async () => {
    people?.close();
    await controller?.remove();
    await apiServer?.remove();
  });

  async function submit(commonName: string, signerName = SIGNER, usages: readonly string[] = USAGES): Promise<string> {
    const spec = { request: buildCsr({ commonName, organizations: [] }).requestBase64, signerName, usages };
    return (await people.submit({ metadata: { generateName: "r-" }, spec })).metadata.name;
  }

  async function until(
    name: string,
    isSo: (csr: CertificateSigningRequest) => boolean,
  ): Promise<CertificateSigningRequest> {
    for (;;) {
      const csr = await people.request(name);
      if (isSo(csr)) return csr;
      await pause(20);
    }
  }

  const isIssued = ({ status }: CertificateSigningRequest): boolean => status.certificate !== undefined;
  const certificateOf = ({ status }: CertificateSigningRequest): X509Certificate =>
    new X509Certificate(Buffer.from(status.certificate ?? "", "base64"));

  /** What the controller has on record of a request. */
  async function onRecord(requestName: string) {
    const administrator = new Administrator(controller.adminKubeconfig);
    const certificates = await administrator.certificates({ request: requestName });
    const verification = await administrator.verifyLedger();
    administrator.close();
    return { certificates, verification };
  }

  test("what a person approves there is signed here, and on record here", async () => {
    const name = await submit("alice");
    await people.approve(name);
    const certificate = certificateOf(await until(name, isIssued));
    expect(certificate.issuer).toBe("CN=services");
    const { certificates, verification } = await onRecord(name);
    expect(certificates.map(({ serial }) => serial)).toEqual([certificate.serialNumber.toLowerCase()]);
    expect(verification.sound).toBe(true);
  });

  test("what a hook approves needs nobody; what breaks the profile becomes Failed", async () => {
    const name = await submit("robot-1");
    expect(conditionOf(await until(name, isIssued), "Approved")).toMatchObject({ status: "True" });
    const wrong = await submit("robot-2", SIGNER, ["server auth"]);
    const failed = await until(wrong, (csr) => conditionOf(csr, "Failed") !== undefined);
    expect(conditionOf(failed, "Failed")?.reason).toBe("SignerValidationFailure");
  });

  test("what is denied there is not signed, and what other signers are for is left to them", async () => {
    const denied = await submit("bob");
    await people.deny(denied);
    const foreign = await submit("robot-3", "example.com/theirs");
    const last = await submit("robot-4");
    await until(last, isIssued);
    expect(isIssued(await people.request(denied))).toBe(false);
    expect((await people.request(foreign)).status).toEqual({});
    expect((await onRecord(foreign)).certificates).toEqual([]);
  });

  test("killed again and again under load, it loses no request, and signs none twice", async () => {
    const names: string[] = [];
    const { dataDirectory } = controller;
    for (let kills = 0; kills < 5; kills += 1) {
      for (let index = 0; index < 20; index += 1) names.push(await submit(`robot-${kills}-${index}`));
      await pause(kills * 15);
      expect(await controller.stop("SIGKILL")).toBe("SIGKILL");
      await startController(dataDirectory);
    }
    for (const name of names) {
      const certificate = certificateOf(await until(name, isIssued));
      const { certificates } = await onRecord(name);
      expect(certificates.map(({ serial }) => serial)).toEqual([certificate.serialNumber.toLowerCase()]);
    }
    expect((await onRecord("none")).verification.sound).toBe(true);
  });

  test("what is deleted there stays on record here", async () => {
    const name = await submit("robot-5");
    await until(name, isIssued);
    await people.removeRequest(name);
    const again = await submit("robot-6");
    await until(again, isIssued);
    expect((await onRecord(name)).certificates).toHaveLength(1);
  });

  test("a kubeconfig that would let anybody be the API server is refused, and what to do is said", async () => {
    const path = join(directory, "insecure.kubeconfig");
    const text = readFileSync(apiServer.adminKubeconfig, "utf8");
    writeFileSync(path, text.replace(/certificate-authority-data: \S+/, "insecure-skip-tls-verify: true"));
    const starting = startGatehouse({ command: ["controller", "--kubeconfig", path] });
    await expect(starting).rejects.toThrow("insecure-skip-tls-verify would let anybody be the API server");
  });
});
