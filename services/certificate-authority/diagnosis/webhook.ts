import { error, type Finding, messageOf, ok } from "../../shared/diagnosis/findings.ts";
import type { WebhookConnection } from "../../shared/kubernetes/webhook-kubeconfig.ts";
import { probeTls } from "./tls-probe.ts";

/** Reads how another server is called, and shakes hands with it; no request is made. */
export async function webhookFinding(
  setting: string,
  read: () => Omit<WebhookConnection, "token">,
  signal: AbortSignal,
): Promise<Finding> {
  let connection: ReturnType<typeof read>;
  try {
    connection = read();
  } catch (thrown) {
    return error(setting, messageOf(thrown), "correct the file; the server does not start");
  }
  const { url, caPem, tlsServerName, clientCertificatePem, clientKeyPem } = connection;
  const subject = `${setting} ${url.origin}`;
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const target = { host, port: Number(url.port || 443), caPem, serverName: tlsServerName };
  const probe = await probeTls({ ...target, clientCertificatePem, clientKeyPem }, signal);
  switch (probe.kind) {
    case "silent":
      return error(subject, `cannot be reached: ${probe.reason}`, "start it, or correct its address or the network");
    case "notTls":
      return error(subject, "does not speak TLS as we do", "correct its address, or its certificate settings");
    case "tls":
      return probe.distrust === undefined
        ? ok(subject, "answers with a certificate that is trusted")
        : error(
            subject,
            `its certificate is not trusted: ${probe.distrust}`,
            "correct the CA that is configured for it",
          );
    default:
      return probe satisfies never;
  }
}
