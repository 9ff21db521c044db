import type { Clock } from "../../shared/clock.ts";
import { type AwsIidSource, type AwsStsSource, awsIidEvidence, awsStsEvidence } from "./aws.ts";
import { type AzureSource, azureEvidence } from "./azure.ts";
import type { EvidenceCollector } from "./collector.ts";
import { type JoinTokenSource, joinTokenEvidence } from "./join-token.ts";
import { type SshpopSource, sshpopEvidence } from "./ssh-pop.ts";
import {
  type GoogleSource,
  googleEvidence,
  type TokenCommandSource,
  type TokenFileSource,
  type TokenRequestSource,
  tokenCommandEvidence,
  tokenFileEvidence,
  tokenRequestEvidence,
} from "./tokens.ts";
import { type TpmSource, tpmEvidence } from "./tpm.ts";
import { type X509popSource, x509popEvidence } from "./x509-pop.ts";

/** What this host proves itself by, and where that is found. */
export type EvidenceSource =
  | JoinTokenSource
  | X509popSource
  | SshpopSource
  | TpmSource
  | AwsIidSource
  | AwsStsSource
  | AzureSource
  | GoogleSource
  | TokenFileSource
  | TokenCommandSource
  | TokenRequestSource;

/** Looks at what is there of the evidence. @throws {AgentError} */
export async function openEvidence(
  source: EvidenceSource,
  { clock, signal }: { readonly clock: Clock; readonly signal: AbortSignal },
): Promise<EvidenceCollector> {
  switch (source.kind) {
    case "join_token":
      return joinTokenEvidence(source);
    case "x509pop":
      return x509popEvidence(source);
    case "sshpop":
      return sshpopEvidence(source);
    case "tpm2":
      return tpmEvidence(source, signal);
    case "aws_iid":
      return awsIidEvidence(source);
    case "aws_sts":
      return awsStsEvidence(source, clock);
    case "azure_imds":
      return azureEvidence(source);
    case "gcp_iit":
      return googleEvidence(source);
    case "oidc":
      return "tokenFile" in source ? tokenFileEvidence(source) : tokenCommandEvidence(source);
    case "psat":
      return "tokenFile" in source ? tokenFileEvidence(source) : tokenRequestEvidence(source);
    default:
      return source satisfies never;
  }
}
