"""The default chain of the AWS CRT finds credentials, and prints the access key's id."""
from awscrt import auth, io

bootstrap = io.ClientBootstrap.get_or_create_static_default()
provider = auth.AwsCredentialsProvider.new_default_chain(bootstrap)
print(provider.get_credentials().result(20).access_key_id)
