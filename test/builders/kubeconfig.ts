/** A kubeconfig of one server and one user, as text; `user` is what stands under the user's name. */
export function kubeconfigText(server: string, caPem: string, user: object): string {
  return JSON.stringify({
    ...{ apiVersion: "v1", kind: "Config", "current-context": "c" },
    contexts: [{ name: "c", context: { cluster: "c", user: "u" } }],
    clusters: [{ name: "c", cluster: { server, "certificate-authority-data": base64(caPem) } }],
    users: [{ name: "u", user }],
  });
}

/** A user by client certificate. */
export function certificateUser({
  certificatePem,
  privateKeyPem,
}: Readonly<Record<"certificatePem" | "privateKeyPem", string>>) {
  return { "client-certificate-data": base64(certificatePem), "client-key-data": base64(privateKeyPem) };
}

function base64(text: string): string {
  return Buffer.from(text).toString("base64");
}
