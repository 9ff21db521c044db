import { X509Certificate } from "node:crypto";
import { existsSync } from "node:fs";
import { join } from "node:path";
import {
  daysBetween,
  error,
  type Finding,
  inDays,
  messageOf,
  ok,
  skipped,
  warning,
} from "../../../shared/diagnosis/findings.ts";
import { oneLine } from "../../certificates/check-answer.ts";
import { type Credential, certificateBlocks, readCredential } from "../../certificates/credential-files.ts";
import { currentFile } from "../../joining/node-files.ts";
import { nodeSubject } from "../../joining/node-request.ts";
import type { NodeCheck, NodeContext } from "../contract.ts";

/** Kubelets renew at 0.7 to 0.9 of a certificate's life. */
const OVERDUE_SHARE = 0.9;
const CA_SOON_DAYS = 90;
const JOIN_AGAIN = "gatehouse join --certificate --replace";

export const clientCertificate: NodeCheck = {
  id: "node.certificate",
  title: "the client certificate: whose it is, its key, when it ends",
  async run(context) {
    const { certificateDirectory } = context.settings;
    const path = currentFile(certificateDirectory);
    if (!existsSync(path))
      return [skipped(path, "does not exist yet; the kubelet, or gatehouse join --certificate, makes it")];
    const credential = await read(path);
    if (typeof credential === "string") return [error(path, credential, JOIN_AGAIN)];
    const { subject } = credential.parts.certificate;
    const wanted = nodeSubject(context.nodeName);
    if (subject !== wanted) {
      const text = `is the certificate of ${oneLine(subject)}, not of ${oneLine(wanted)}`;
      return [error(path, text, `name the node with --node-name, or ${JOIN_AGAIN}`)];
    }
    return [lifeFinding(path, credential, context)];
  },
};

export const servingCertificate: NodeCheck = {
  id: "node.serving-certificate",
  title: "the serving certificate that the kubelet asked for: its key, when it ends",
  async run(context) {
    const { certificateDirectory, asksForServingCertificate } = context.settings;
    const path = join(certificateDirectory, "kubelet-server-current.pem");
    if (!existsSync(path)) {
      if (asksForServingCertificate !== true) return [skipped(path, "does not exist; the kubelet asks for none")];
      const wayOut = "gatehouse csr list, or kubectl get csr: its request may await somebody";
      return [warning(path, "does not exist, though the kubelet asks for it", wayOut)];
    }
    const credential = await read(path);
    if (typeof credential === "string") return [error(path, credential, `rm ${path}; the kubelet asks again`)];
    return [lifeFinding(path, credential, context)];
  },
};

export const trustedCas: NodeCheck = {
  id: "node.trust",
  title: "the CAs by which the kubelet knows the server: when they end",
  run({ kubeconfig, bootstrapKubeconfig, settings, clock }) {
    const state = kubeconfig.kind === "here" ? kubeconfig : bootstrapKubeconfig;
    const path = kubeconfig.kind === "here" ? settings.kubeconfig : settings.bootstrapKubeconfig;
    if (state.kind !== "here") return [skipped(path, "there is no kubeconfig to look at")];
    const { caPem } = state.content.server;
    if (caPem === undefined) return [skipped(path, "names no CA; what the system trusts is trusted")];
    const certificates = certificateBlocks(caPem).map((pem) => new X509Certificate(pem));
    if (certificates.length === 0) return [error(path, "names a CA file without a certificate", JOIN_AGAIN)];
    return certificates.map((certificate) => caFinding(path, certificate, clock.now()));
  },
};

function caFinding(path: string, { subject, validToDate }: X509Certificate, now: Date): Finding {
  const days = daysBetween(now, validToDate);
  const text = `CA ${oneLine(subject)} ${now >= validToDate ? "expired" : "expires"} ${inDays(days)}, at ${validToDate.toISOString()}`;
  const wayOut = "fetch the present bundle: gatehouse issuer export, or GET /v1/trust-bundle";
  if (now >= validToDate) return error(path, text, wayOut);
  return days < CA_SOON_DAYS ? warning(path, text, wayOut) : ok(path, text);
}

async function read(path: string): Promise<Credential | string> {
  return readCredential({ certificateFile: path, keyFile: undefined }).catch((thrown: unknown) => messageOf(thrown));
}

/** What is past the time by which a kubelet renews was not renewed. */
function lifeFinding(path: string, { parts }: Credential, { clock }: NodeContext): Finding {
  const { validFromDate, validToDate, subject } = parts.certificate;
  const now = clock.now();
  const life = validToDate.getTime() - validFromDate.getTime();
  const end = `at ${validToDate.toISOString()}`;
  if (now < validFromDate)
    return error(path, `is not valid before ${validFromDate.toISOString()}`, "set this host's clock");
  if (now >= validToDate) return error(path, `expired ${inDays(daysBetween(now, validToDate))}, ${end}`, JOIN_AGAIN);
  if (now.getTime() > validFromDate.getTime() + life * OVERDUE_SHARE) {
    const wayOut = "look into the kubelet's log, and at gatehouse csr list: its request may be refused";
    return warning(path, `ends ${end} and should have been renewed by now`, wayOut);
  }
  return ok(path, `is that of ${oneLine(subject)} until ${validToDate.toISOString()}`);
}
