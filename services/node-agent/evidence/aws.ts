import { z } from "zod";
import { signCallerIdentity } from "../../shared/attestation/caller-identity.ts";
import type { Clock } from "../../shared/clock.ts";
import { AgentError } from "../agent-error.ts";
import { base64url, type EvidenceCollector } from "./collector.ts";
import { type MetadataService, metadataService } from "./metadata-service.ts";

const AWS_METADATA = "http://169.254.169.254";
const SESSION_SECONDS = "60";
const DOCUMENT_PATH = "/latest/dynamic/instance-identity/rsa2048";
const REGION_PATH = "/latest/meta-data/placement/region";
const ROLES_PATH = "/latest/meta-data/iam/security-credentials/";
const INSTANCE_ROLE_PATH = "/latest/meta-data/identity-credentials/ec2/security-credentials/ec2-instance";

/** Source: Amazon EC2 user guide, "Retrieve security credentials from instance metadata". */
const credentialsSchema = z.object({
  AccessKeyId: z.string().min(1),
  SecretAccessKey: z.string().min(1),
  Token: z.string().min(1),
});

/** The document by which AWS says which instance this is. */
export interface AwsIidSource {
  readonly kind: "aws_iid";
  /** Undefined for AWS's own. */
  readonly metadataUrl: URL | undefined;
}

/** The role of this instance, shown by a request that the authority may send to STS once. */
export interface AwsStsSource {
  readonly kind: "aws_sts";
  /** Undefined for AWS's own. */
  readonly metadataUrl: URL | undefined;
  /** Undefined for the one of the instance's region. */
  readonly stsHost: string | undefined;
  /** The instance identity role, which every instance has, instead of the role of its profile. */
  readonly usesInstanceIdentityRole: boolean;
}

export function awsIidEvidence({ metadataUrl }: AwsIidSource): EvidenceCollector {
  const service = aws(metadataUrl);
  return {
    kind: "aws_iid",
    hello: {},
    async prove({ signal }) {
      const text = await read(service, await openSession(service, signal), DOCUMENT_PATH, signal);
      return { document: base64url(Buffer.from(text.replaceAll(/\s/g, ""), "base64")) };
    },
  };
}

export function awsStsEvidence(source: AwsStsSource, clock: Clock): EvidenceCollector {
  const { metadataUrl, stsHost, usesInstanceIdentityRole } = source;
  const service = aws(metadataUrl);
  return {
    kind: "aws_sts",
    hello: {},
    async prove({ bind, signal }) {
      const session = await openSession(service, signal);
      const ask = (path: string): Promise<string> => read(service, session, path, signal);
      const region = (await ask(REGION_PATH)).trim();
      const path = usesInstanceIdentityRole ? INSTANCE_ROLE_PATH : await rolePath(ask);
      const { AccessKeyId, SecretAccessKey, Token } = credentialsIn(await ask(path));
      return signCallerIdentity({
        ...{ host: stsHost ?? `sts.${region}.amazonaws.com`, region: regionOf(stsHost) ?? region, bind },
        credentials: { accessKeyId: AccessKeyId, secretAccessKey: SecretAccessKey, sessionToken: Token },
        now: clock.now(),
      });
    },
  };
}

function aws(url: URL | undefined): MetadataService {
  return metadataService("AWS", url ?? new URL(AWS_METADATA));
}

/** IMDSv2: what is read needs a session, which proxies and forged requests cannot open. */
function openSession(service: MetadataService, signal: AbortSignal): Promise<string> {
  const headers = { "x-aws-ec2-metadata-token-ttl-seconds": SESSION_SECONDS };
  return service.ask({ method: "PUT", path: "/latest/api/token", headers }, signal);
}

function read(service: MetadataService, session: string, path: string, signal: AbortSignal): Promise<string> {
  return service.ask({ path, headers: { "x-aws-ec2-metadata-token": session.trim() } }, signal);
}

async function rolePath(ask: (path: string) => Promise<string>): Promise<string> {
  const [role = ""] = (await ask(ROLES_PATH)).trim().split("\n");
  if (/^[\w+=,.@-]{1,128}$/.test(role)) return ROLES_PATH + role;
  throw new AgentError("unusable", "this instance has no role", {
    hint: "Give it an instance profile, or use its identity role with --aws-identity-role.",
  });
}

/** What is wrong with it is not told: the text holds keys. */
function credentialsIn(text: string): z.infer<typeof credentialsSchema> {
  try {
    return credentialsSchema.parse(JSON.parse(text));
  } catch {
    throw new AgentError("unusable", "the metadata service of AWS gave no credentials for this instance's role");
  }
}

/** `sts.eu-west-1.amazonaws.com`; the global host signs for us-east-1. */
function regionOf(host: string | undefined): string | undefined {
  if (host === undefined) return undefined;
  const [, region] = /^sts\.([a-z0-9-]+)\./.exec(host) ?? [];
  return region === "amazonaws" ? "us-east-1" : region;
}
