import { expect, test } from "@jest/globals";
import { mentionsMlDsa } from "../../services/certificate-authority/custody/ml-dsa-runtime.ts";
import { issuerWarnings } from "../../services/certificate-authority/issuer-warnings.ts";
import { mlDsaProblems } from "../../services/certificate-authority/ml-dsa-settings.ts";
import { generateKey } from "../builders/keys.ts";
import { describeMlDsa } from "../builders/ml-dsa.ts";
import { temporaryConfiguration } from "../builders/temporary-configuration.ts";

const NEW = { knowsMlDsa: true, versions: { node: "24.6.0", openssl: "3.5.1" } };
const OLD = { knowsMlDsa: false, versions: { node: "22.19.0", openssl: "3.0.17" } };
const CLASSICAL = { keyAlgorithm: "ecdsa-p256" };

test("nothing is chosen by default, on any runtime", () => {
  for (const runtime of [NEW, OLD]) {
    expect(mlDsaProblems({ keyPolicy: { mlDsa: [] }, issuer: CLASSICAL, issuers: [] }, runtime)).toEqual([]);
  }
  expect(temporaryConfiguration({}).keyPolicy.mlDsa).toEqual([]);
});

test("a runtime without ML-DSA is refused with the version that has it, and its own", () => {
  const settings = { keyPolicy: { mlDsa: ["ML-DSA-65"] as const }, issuer: CLASSICAL, issuers: [] };
  expect(mlDsaProblems(settings, NEW)).toEqual([]);
  expect(mlDsaProblems(settings, OLD)).toEqual([
    {
      path: ["keyPolicy", "mlDsa"],
      message:
        "ML-DSA needs Node.js 24.6 or later with OpenSSL 3.5 or later, and this is Node.js 22.19.0 with OpenSSL 3.0.17; " +
        "take a newer one, or leave ML-DSA out",
    },
  ]);
});

test.each([
  {
    name: "the default issuer has a set that was not chosen",
    settings: { issuer: { keyAlgorithm: "ml-dsa-65" }, keyPolicy: { mlDsa: ["ML-DSA-44"] as const } },
    problem: {
      path: ["issuer", "keyAlgorithm"],
      message: expect.stringContaining("put ML-DSA-65 into keyPolicy.mlDsa"),
    },
  },
  {
    name: "a further issuer has a set that was not chosen",
    settings: { issuers: [CLASSICAL, { keyAlgorithm: "ml-dsa-87" }] },
    problem: { path: ["issuers", 1, "keyAlgorithm"], message: expect.stringContaining("ML-DSA-87") },
  },
  {
    name: "a key of a token",
    settings: { issuer: { keyAlgorithm: "ml-dsa-44", token: "hsm" }, keyPolicy: { mlDsa: ["ML-DSA-44"] as const } },
    problem: {
      path: ["issuer", "keyAlgorithm"],
      message: expect.stringContaining("keys in tokens are of other kinds"),
    },
  },
])("is refused: $name", ({ settings, problem }) => {
  const whole = { keyPolicy: { mlDsa: [] }, issuer: CLASSICAL, issuers: [], ...settings };
  expect(mlDsaProblems(whole, NEW)).toEqual([problem]);
});

test("whether something is of ML-DSA is found without understanding it", () => {
  expect(mentionsMlDsa(Buffer.from("06096086480165030403", "hex"))).toBe(false);
  expect(mentionsMlDsa(Buffer.from("0609608648016503040314", "hex"))).toBe(false);
  expect(mentionsMlDsa(Buffer.from("ff0609608648016503040313ff", "hex"))).toBe(true);
  expect(mentionsMlDsa(generateKey("ecdsa-p256").publicKey.export({ format: "der", type: "spki" }))).toBe(false);
});

describeMlDsa("where the runtime has ML-DSA", () => {
  const mlDsa = ["ML-DSA-44", "ML-DSA-65", "ML-DSA-87"];

  test("it is read from the configuration, for keys and issuers", () => {
    const configuration = temporaryConfiguration({ keyPolicy: { mlDsa }, issuer: { keyAlgorithm: "ml-dsa-87" } });
    expect([configuration.keyPolicy.mlDsa, configuration.issuer.keyAlgorithm]).toEqual([mlDsa, "ml-dsa-87"]);
    const unchosen = { issuer: { keyAlgorithm: "ml-dsa-87" } };
    expect(() => temporaryConfiguration(unchosen)).toThrow(
      /put ML-DSA-87 into keyPolicy\.mlDsa[\s\S]*at issuer\.keyAlg/,
    );
    expect(() => temporaryConfiguration({ keyPolicy: { mlDsa: ["ML-DSA-66"] } })).toThrow(/keyPolicy\.mlDsa/);
  });

  test("signers whose clients may not verify what is signed are named", () => {
    const root = { name: "root", commonName: "Root", keyAlgorithm: "ml-dsa-87" };
    const configuration = temporaryConfiguration({
      keyPolicy: { mlDsa },
      issuers: [root, { name: "serving", commonName: "Serving", parent: "root" }],
      signers: [{ signerName: "kubernetes.io/kubelet-serving", issuer: "serving" }],
    });
    expect(issuerWarnings(configuration)).toEqual([
      expect.stringMatching(/^kubernetes\.io\/kubelet-serving: certificates are signed by root \(ml-dsa-87\), which/),
    ]);
    // Nothing of Kubernetes is signed by it: no warning.
    expect(issuerWarnings(temporaryConfiguration({ keyPolicy: { mlDsa }, issuers: [root] }))).toEqual([]);
  });

  const signer = (keys: object, chosen: readonly string[] = mlDsa) => ({
    keyPolicy: { mlDsa: chosen },
    signers: [
      { signerName: "example.com/x", issuer: "default", profile: { usages: { allowed: ["server auth"] }, keys } },
    ],
  });
  test("a signer may take fewer of them than the key policy, never more", () => {
    const { signers } = temporaryConfiguration(signer({ algorithms: ["ML-DSA"], mlDsa: ["ML-DSA-87"] }));
    expect(signers[0]?.profile?.keys).toMatchObject({ algorithms: ["ML-DSA"], mlDsa: ["ML-DSA-87"] });
    const more = signer({ mlDsa: ["ML-DSA-65"] }, ["ML-DSA-87"]);
    expect(() => temporaryConfiguration(more)).toThrow(/ML-DSA-65 is not among keyPolicy\.mlDsa/);
    expect(() => temporaryConfiguration(signer({ algorithms: ["ML-DSA"] }, []))).toThrow(/keyPolicy\.mlDsa is empty/);
  });
});
