/** One PEM `CERTIFICATE` block with a line feed at its end. */
export function certificatePemOf(der: Uint8Array): string {
  return pemOf("CERTIFICATE", der);
}

/** One PEM block with a line feed at its end. Source: RFC 7468 section 2. */
export function pemOf(label: string, der: Uint8Array): string {
  const lines =
    Buffer.from(der)
      .toString("base64")
      .match(/.{1,64}/g) ?? [];
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ""].join("\n");
}
