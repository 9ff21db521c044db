import type { AwsCredentials } from "../../../shared/attestation/aws-signature.ts";
import { ReloadedFile } from "../anchors.ts";
import { denied } from "../refusal.ts";
import type { AwsInstancesSettings } from "./settings.ts";

const SECTION = /^\[\s*([^\]]+?)\s*\]$/;
const ENTRY = /^([a-z_]+)\s*=\s*(\S.*)$/;

/**
 * Our own credentials, looked at anew each time: whoever renews temporary ones writes the file.
 *
 * @returns a function that throws an AttestationRefusal while there are none.
 */
export function awsCredentialsFrom(
  { credentialsFile, credentialsProfile }: AwsInstancesSettings,
  environment: Readonly<Record<string, string | undefined>>,
): () => AwsCredentials {
  if (credentialsFile !== undefined) {
    const file = new ReloadedFile(credentialsFile, (bytes) => fromFile(bytes.toString("utf8"), credentialsProfile));
    return () => file.current;
  }
  return () =>
    fromValues("the environment", {
      aws_access_key_id: environment["AWS_ACCESS_KEY_ID"],
      aws_secret_access_key: environment["AWS_SECRET_ACCESS_KEY"],
      aws_session_token: environment["AWS_SESSION_TOKEN"],
    });
}

/** Source: AWS CLI, "Configuration and credential file settings". */
function fromFile(text: string, profile: string): AwsCredentials {
  const values: Record<string, string> = {};
  let section: string | undefined;
  for (const line of text.split("\n").map((whole) => whole.trim())) {
    section = SECTION.exec(line)?.[1] ?? section;
    const [, key, value] = ENTRY.exec(line) ?? [];
    if (section === profile && key !== undefined && value !== undefined) values[key] = value;
  }
  return fromValues(`its profile ${JSON.stringify(profile)}`, values);
}

function fromValues(where: string, values: Readonly<Record<string, string | undefined>>): AwsCredentials {
  const {
    aws_access_key_id: accessKeyId,
    aws_secret_access_key: secretAccessKey,
    aws_session_token: sessionToken,
  } = values;
  if (!accessKeyId || !secretAccessKey) throw denied(`${where} has no AWS credentials`);
  return { accessKeyId, secretAccessKey, ...(sessionToken && { sessionToken }) };
}
