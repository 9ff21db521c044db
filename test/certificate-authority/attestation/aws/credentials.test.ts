import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { awsCredentialsFrom } from "../../../../services/certificate-authority/attestation/aws/credentials.ts";
import { awsInstancesSchema } from "../../../../services/certificate-authority/attestation/aws/settings.ts";
import { AWS_ACCOUNT } from "../../../builders/aws.ts";
import { refusalIn } from "../../../builders/proof-input.ts";
import { temporaryDirectory } from "../../../builders/temporary-directory.ts";

const from = (settings: object, environment: Record<string, string> = {}) =>
  awsCredentialsFrom(awsInstancesSchema.parse({ account: AWS_ACCOUNT, ...settings }), environment);

test("credentials come from the environment, with a session token where there is one", async () => {
  const environment = { AWS_ACCESS_KEY_ID: "AKIA", AWS_SECRET_ACCESS_KEY: "secret" };
  expect(from({}, environment)()).toStrictEqual({ accessKeyId: "AKIA", secretAccessKey: "secret" });
  expect(from({}, { ...environment, AWS_SESSION_TOKEN: "t" })()).toMatchObject({ sessionToken: "t" });
  expect(await refusalIn(from({}, { AWS_ACCESS_KEY_ID: "AKIA" }))).toBe("the environment has no AWS credentials");
});

test("a file is read again when it changes; only its own profile counts", async () => {
  const path = join(temporaryDirectory(), "credentials");
  const profile = (name: string, secret: string) =>
    `[${name}]\r\n# comment\r\naws_access_key_id=AKIA\r\naws_secret_access_key = ${secret}\r\naws_session_token = t=\r\n`;
  writeFileSync(path, profile("default", "a") + profile("node-ca", "b"));
  const credentials = from({ credentialsFile: path, credentialsProfile: "node-ca" }, { AWS_ACCESS_KEY_ID: "no" });
  expect(credentials()).toStrictEqual({ accessKeyId: "AKIA", secretAccessKey: "b", sessionToken: "t=" });
  writeFileSync(path, profile("node-ca", "longer"));
  expect(credentials().secretAccessKey).toBe("longer");
  writeFileSync(path, profile("default", "longer still"));
  expect(await refusalIn(credentials)).toBe(`${path} cannot be used: its profile "node-ca" has no AWS credentials`);
});
