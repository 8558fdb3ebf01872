# Sets the variables of docs/deploy.md from what exists in the AWS account. Source it first in every
# shell, in the top-level folder of the clone:
#
#     . deploy/env.sh
#
# It finds everything again by name, and the certificate by its tag; it creates and changes nothing.
# A variable is empty until its resource exists.

PATH=$PWD/.tools/eb/bin:$PATH
AWS_DEFAULT_REGION=${AWS_DEFAULT_REGION:-$(aws configure get region)}
AWS_DEFAULT_REGION=${AWS_DEFAULT_REGION:-eu-central-1}
export PATH AWS_DEFAULT_REGION

# Prints what `aws` finds with these arguments; nothing if it does not exist.
marquee_find() {
    marquee_found=$(aws "$@" --output text 2>&1) || case $marquee_found in
    *NotFound*) marquee_found= ;;
    *) echo "deploy/env.sh: aws $1 $2: $marquee_found" >&2 && return 1 ;;
    esac
    [ "$marquee_found" = None ] || printf '%s\n' "$marquee_found"
}

if ACCOUNT=$(marquee_find sts get-caller-identity --query Account); then
    BUCKET=marquee-$ACCOUNT
    NETWORK=$(marquee_find ec2 describe-vpcs --filters Name=is-default,Values=true \
        --query "Vpcs[0].join(' ', [VpcId, CidrBlock])")
    VPC=${NETWORK% *} NETWORK=${NETWORK#* }
    GROUP=$(marquee_find ec2 describe-security-groups --filters Name=group-name,Values=marquee-db \
        --query 'SecurityGroups[0].GroupId')
    DATABASE=$(marquee_find rds describe-db-instances --db-instance-identifier marquee \
        --query 'DBInstances[0].Endpoint.Address')
    KEY_ARN=$(marquee_find secretsmanager describe-secret --secret-id marquee/secret-key --query ARN)
    URL_ARN=$(marquee_find secretsmanager describe-secret --secret-id marquee/database-url --query ARN)
    CERTIFICATE=$(marquee_find resourcegroupstaggingapi get-resources --tag-filters Key=marquee \
        --resource-type-filters acm:certificate --query 'ResourceTagMappingList[0].ResourceARN')
    DOMAIN=$([ -z "$CERTIFICATE" ] || marquee_find acm describe-certificate \
        --certificate-arn "$CERTIFICATE" --query Certificate.DomainName)
    for marquee_name in AWS_DEFAULT_REGION ACCOUNT BUCKET VPC NETWORK GROUP DATABASE KEY_ARN URL_ARN \
        CERTIFICATE DOMAIN; do
        eval "echo \"$marquee_name=\$$marquee_name\""
    done
else
    echo "deploy/env.sh: no access to AWS; run \`aws configure\` (docs/deploy.md, \"Before you begin\")" >&2
    false
fi
