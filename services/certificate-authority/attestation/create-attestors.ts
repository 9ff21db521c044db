import type { Attestor, AttestorTools } from "./attestor.ts";
import { createAwsIidAttestor } from "./aws-iid/attestor.ts";
import { createAwsStsAttestor } from "./aws-sts/attestor.ts";
import { createAzureImdsAttestor } from "./azure-imds/attestor.ts";
import { createGcpIitAttestor } from "./gcp-iit/attestor.ts";
import { createJoinTokenAttestor, type FindJoinToken } from "./join-token/attestor.ts";
import { createOidcAttestor } from "./oidc/attestor.ts";
import { createPsatAttestor } from "./psat/attestor.ts";
import type { ProfileSettings } from "./settings.ts";
import { createSshpopAttestor } from "./ssh-pop/attestor.ts";
import { createTpm2Attestor } from "./tpm2/attestor.ts";
import { createX509popAttestor } from "./x509-pop/attestor.ts";

/** What is the same for all attestors, and what single kinds stand on. */
export interface AttestorDependencies extends AttestorTools {
  readonly findJoinToken: FindJoinToken;
}

/** Makes the attestor of a profile. @throws {Error} naming what keeps it from being made. */
export function createAttestor(profile: ProfileSettings, deps: AttestorDependencies): Attestor {
  switch (profile.attestor) {
    case "join_token":
      return createJoinTokenAttestor(deps.findJoinToken);
    case "x509pop":
      return createX509popAttestor(profile);
    case "sshpop":
      return createSshpopAttestor(profile);
    case "aws_iid":
      return createAwsIidAttestor(profile, deps);
    case "aws_sts":
      return createAwsStsAttestor(profile, deps);
    case "azure_imds":
      return createAzureImdsAttestor(profile, deps);
    case "oidc":
      return createOidcAttestor(profile, deps);
    case "gcp_iit":
      return createGcpIitAttestor(profile, deps);
    case "psat":
      return createPsatAttestor(profile, deps);
    case "tpm2":
      return createTpm2Attestor(profile);
    default:
      return profile satisfies never;
  }
}
