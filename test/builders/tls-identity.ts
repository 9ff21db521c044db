import { execFileSync } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

interface Pair {
  readonly certificatePem: string;
  readonly privateKeyPem: string;
}

interface ServingPair extends Pair {
  readonly issuerPem: string;
}

/** A CA with two serving certificates for 127.0.0.1 and one client certificate, made by openssl. */
export interface TlsIdentity {
  readonly caPem: string;
  readonly serving: ServingPair;
  readonly renewedServing: ServingPair;
  /** As `X509Certificate.fingerprint256` prints it. */
  readonly renewedFingerprint256: string;
  readonly client: Pair & { readonly certificateDer: Buffer };
}

export async function buildTlsIdentity(): Promise<TlsIdentity> {
  const directory = mkdtempSync(join(tmpdir(), "gatehouse-tls-"));
  const openssl = (...args: string[]): void => {
    execFileSync("openssl", args, { cwd: directory, stdio: ["ignore", "ignore", "pipe"] });
  };
  const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
  const pair = (name: string, extensions: string): Pair => {
    writeFileSync(join(directory, `${name}.ext`), extensions);
    openssl("req", ...newKey, "-subj", `/O=tests/CN=${name}`, "-keyout", `${name}.key`, "-out", `${name}.csr`);
    const ca = ["-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial"];
    openssl(
      "x509",
      "-req",
      "-in",
      `${name}.csr`,
      ...ca,
      "-days",
      "1",
      "-extfile",
      `${name}.ext`,
      "-out",
      `${name}.crt`,
    );
    return { certificatePem: text(`${name}.crt`), privateKeyPem: text(`${name}.key`) };
  };
  const text = (name: string): string => readFileSync(join(directory, name), "utf8");
  try {
    openssl("req", "-x509", ...newKey, "-subj", "/CN=tests-ca", "-days", "1", "-keyout", "ca.key", "-out", "ca.crt");
    const serving = pair("serving", "subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth\n");
    const renewedServing = pair("renewed", "subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth\n");
    const client = pair("client", "extendedKeyUsage=clientAuth\n");
    const issuerPem = text("ca.crt");
    return {
      caPem: issuerPem,
      serving: { ...serving, issuerPem },
      renewedServing: { ...renewedServing, issuerPem },
      renewedFingerprint256: new X509Certificate(renewedServing.certificatePem).fingerprint256,
      client: { ...client, certificateDer: new X509Certificate(client.certificatePem).raw },
    };
  } finally {
    rmSync(directory, { recursive: true });
  }
}
