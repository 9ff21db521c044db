import { createPublicKey, type KeyObject, sign, X509Certificate } from "node:crypto";
import { afterEach, describe, expect, test } from "@jest/globals";
import type { RemoteKey, SignatureDigest } from "../../../services/certificate-authority/domain/remote-key.ts";
import { loadIssuerCertificate } from "../../../services/certificate-authority/signer/issuer-certificate.ts";
import { createSigner, type Signer } from "../../../services/certificate-authority/signer/signer.ts";
import { StatusError } from "../../../services/shared/status-error.ts";
import { buildIntent } from "../../builders/intent.ts";
import { buildIssuer } from "../../builders/issuer.ts";
import { recordingLogger } from "../../fakes/recording-logger.ts";

const signers: Signer[] = [];
afterEach(async () => {
  await Promise.all(signers.splice(0).map((signer) => signer.close()));
});

/** A key that signs as it is told to, and says what it was asked. */
function remote(privateKey: KeyObject, signing = sign) {
  const asked: { readonly digest: SignatureDigest; readonly encoding: string }[] = [];
  const key: RemoteKey = {
    kind: "remote",
    spkiDer: createPublicKey(privateKey).export({ format: "der", type: "spki" }),
    problem: undefined,
    sign: async (digest, data, encoding) => {
      asked.push({ digest, encoding });
      return signing(digest, data, privateKey);
    },
  };
  return { key, asked };
}

function start(certificateDer: Buffer, privateKey: RemoteKey | KeyObject) {
  const { logger, lines } = recordingLogger();
  const others = buildIssuer("ecdsa-p256");
  const issuers = [others, { certificateDer, privateKey }];
  const signer = createSigner({ issuers, workers: 2, clock: { now: () => new Date() }, logger });
  signers.push(signer);
  const [id, idOfOther] = [certificateDer, others.certificateDer].map(
    (der) => loadIssuerCertificate(der).description.id,
  );
  return { signer: signer.signer, id: id ?? "", idOfOther: idOfOther ?? "", lines };
}

describe("an issuer whose key is elsewhere", () => {
  test.each([
    { algorithm: "ecdsa-p256", digest: "sha256" },
    { algorithm: "ecdsa-p384", digest: "sha384" },
    { algorithm: "rsa-2048", digest: "sha256" },
    { algorithm: "ed25519", digest: null },
  ] as const)(
    "$algorithm: its certificates are signed there, many at a time, beside those of an issuer here",
    async ({ algorithm, digest }) => {
      const issuer = buildIssuer(algorithm);
      const { key, asked } = remote(issuer.privateKey);
      const { signer, id, idOfOther } = start(issuer.certificateDer, key);
      const both = Array.from({ length: 40 }, (_, index) =>
        signer.sign(buildIntent(), index % 2 === 0 ? id : idOfOther),
      );
      const certificates = await Promise.all(both);
      const { publicKey } = new X509Certificate(issuer.certificateDer);
      expect(certificates.map(({ der }) => new X509Certificate(der).verify(publicKey))).toEqual(
        certificates.map((_, index) => index % 2 === 0),
      );
      expect(asked).toEqual(Array.from({ length: 20 }, () => ({ digest, encoding: "der" })));
    },
  );

  test.each([
    { name: "with another key", signing: () => sign("sha256", Buffer.from("x"), buildIssuer("ecdsa-p256").privateKey) },
    {
      name: "something else",
      signing: (_: unknown, __: unknown, key: KeyObject) => sign("sha256", Buffer.from("x"), key),
    },
    { name: "nothing", signing: () => Buffer.alloc(0) },
  ])("what a key elsewhere signs wrongly never leaves: $name", async ({ signing }) => {
    const issuer = buildIssuer("ecdsa-p256");
    const { signer, id, idOfOther, lines } = start(
      issuer.certificateDer,
      remote(issuer.privateKey, signing as typeof sign).key,
    );
    await expect(signer.sign(buildIntent(), id)).rejects.toMatchObject({
      reason: "InternalError",
      message: "the certificate failed its checks and was not released",
    });
    expect(lines.map(({ level }) => level)).toContain("error");
    // The signing threads have survived it.
    await expect(signer.sign(buildIntent(), idOfOther)).resolves.toMatchObject({ issuerId: idOfOther });
  });

  test("one wrong signature among many is found, and the others leave", async () => {
    const issuer = buildIssuer("ecdsa-p256");
    let count = 0;
    const every7th = ((digest: string, data: Buffer, key: KeyObject) => {
      count += 1;
      return sign(digest, count % 7 === 0 ? Buffer.from("x") : data, key);
    }) as typeof sign;
    const { signer, id } = start(issuer.certificateDer, remote(issuer.privateKey, every7th).key);
    const outcomes = await Promise.allSettled(Array.from({ length: 35 }, () => signer.sign(buildIntent(), id)));
    expect(outcomes.filter(({ status }) => status === "rejected")).toHaveLength(5);
  });

  test("while it cannot sign the error is its own, to be tried again", async () => {
    const issuer = buildIssuer("ecdsa-p256");
    const { key } = remote(issuer.privateKey);
    const away: RemoteKey = {
      ...key,
      sign: () => Promise.reject(new StatusError("ServiceUnavailable", "the token hsm did not sign")),
    };
    const { signer, id } = start(issuer.certificateDer, away);
    await expect(signer.sign(buildIntent(), id)).rejects.toMatchObject({ reason: "ServiceUnavailable" });
  });

  test("a key that is not the certificate's is refused at the start", () => {
    const { key } = remote(buildIssuer("ecdsa-p256").privateKey);
    expect(() => start(buildIssuer("ecdsa-p256").certificateDer, key)).toThrow(/does not belong to its certificate/);
  });

  test("an intent that cannot be built is refused before anything is signed", async () => {
    const issuer = buildIssuer("ecdsa-p256");
    const { key, asked } = remote(issuer.privateKey);
    const { signer, id } = start(issuer.certificateDer, key);
    await expect(signer.sign(buildIntent({ notAfter: new Date(Number.NaN) }), id)).rejects.toMatchObject({
      reason: "InternalError",
    });
    expect(asked).toEqual([]);
  });
});
