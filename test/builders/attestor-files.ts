import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { AwsCaller } from "../fakes/aws-api.ts";
import type { ChainCertificate } from "./certificate-chain.ts";
import { temporaryDirectory } from "./temporary-directory.ts";

/** The path of a new PEM file. */
export function pemFile(...certificates: readonly ChainCertificate[]): string {
  const path = join(temporaryDirectory(), "certificates.pem");
  writeFileSync(path, certificates.map(({ pem }) => pem).join(""));
  return path;
}

/** A directory of pinned certificates, `<region>.pem` each. */
export function pinnedCertificates(regions: Readonly<Record<string, ChainCertificate>>): string {
  const directory = temporaryDirectory();
  for (const [region, { pem }] of Object.entries(regions)) writeFileSync(join(directory, `${region}.pem`), pem);
  return directory;
}

/** Credentials of a caller in the file format of AWS. */
export function credentialsFile({ credentials }: AwsCaller): string {
  const path = join(temporaryDirectory(), "credentials");
  const { accessKeyId, secretAccessKey } = credentials;
  const lines = ["[other]", "aws_access_key_id = AKIAOTHER", "aws_secret_access_key = other", "", "[default]"];
  writeFileSync(
    path,
    [...lines, `aws_access_key_id = ${accessKeyId}`, `aws_secret_access_key=${secretAccessKey}`, ""].join("\n"),
  );
  return path;
}
