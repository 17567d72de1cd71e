# SPDX-License-Identifier: Apache-2.0
#
# httpd's own authentication and authorisation guard every way in: the
# handshake, POST, PUT and DELETE, and publishing by frame.
use strict;
use warnings;

use Digest::SHA  qw(sha1_base64);
use File::Path   qw(make_path);
use MIME::Base64 qw(encode_base64);
use Test::More;
use WSPushTest;

open my $users, '>', server_root() . '/logs/auth-users' or die $!;
print {$users} map { "$_:{SHA}" . sha1_base64($_) . "=\n" } qw(alice bob);
close $users or die $!;

sub as {
    my ($user, $password) = @_;
    return () unless $user;
    $password //= $user;
    return (headers =>
        [Authorization => 'Basic ' . encode_base64("$user:$password", '')]);
}

my $room = 0;

# May USER do that at PLACE? The answers for: handshake, POST, PUT, DELETE (HTTP
# statuses; DELETE of what was just published) and frame (published or the code).
sub rights {
    my ($place, $user, @more) = @_;
    my $id   = 'r' . ++$room;
    my $url  = "/auth/$place" . ($place =~ /\?/ ? '' : "?id=$id");
    my @o    = (as($user), @more);
    my %may;
    my $listener = ws("/auth/hear/?id=$id");
    my $ws       = ws($url, any => 1, @o);
    $may{connect} = $ws->status;
    if ($ws->status == 101) {
        $ws->send_text('frame');
        my $got = await_message($ws);
        $may{frame} = defined $got ? 'published' : $ws->closed->{code};
        hears($listener, defined $got ? ['frame'] : [],
            "$place: the listener agrees");
    }
    $ws->disconnect;
    $may{post} = http(POST => $url, body => 'x', @o)->status;
    $may{put}  = http(PUT  => $url, body => 'x', @o)->status;
    hears($listener, [map { 'x' } grep { /^20[12]$/ } @may{qw(post put)}],
        "$place: publishes are as many as answers say");
    $may{delete} = http(DELETE => $url, @o)->status;
    $listener->disconnect;
    return \%may;
}

# A message, also for a publisher (its answer); undef when closed.
sub await_message {
    my ($ws) = @_;
    my $message = $ws->recv;
    return $message && $message->{payload};
}

my %all = (connect => 101, frame => 'published', post => 201, put => 201,
    delete => 200);
my %listen = (connect => 101, frame => 1008, post => 403, put => 403, delete => 403);
my %nothing = (connect => 401, post => 401, put => 401, delete => 401);

is_deeply(rights('denied'), { map { $_ => 403 } qw(connect post put delete) },
    'Require all denied');
is_deeply(rights('user'), \%nothing, 'Require valid-user: nobody');
is_deeply(rights('user', 'alice'), {%all}, 'Require valid-user: alice');
my $wrong = ws('/auth/user?id=x', any => 1, as('alice', 'guess'));
is($wrong->status, 401, 'a wrong password');
like($wrong->header('WWW-Authenticate'), qr/^Basic realm="push"/, '  is asked again');
my $welcome = ws('/auth/user?id=x', as('bob'));
is($welcome->recv->{payload}, 'bob', 'REMOTE_USER is known to expressions');
$welcome->disconnect;

for my $place (qw(alice-posts except)) {
    is_deeply(rights($place, 'alice'), {%all}, "$place: alice");
}
is_deeply(rights('alice-posts'), { %listen, post => 401 },
    '<Limit POST>: a stranger listens; PUT and DELETE are no back door');
is_deeply(rights('alice-posts', 'bob'), { %listen, post => 401 },
    '<Limit POST>: neither may bob');
is_deeply(rights('except'), { %listen, post => 401, put => 401, delete => 401 },
    '<LimitExcept GET>: a stranger listens');
is_deeply(rights('none-posts'), {%listen}, '<Limit POST> denied');
is_deeply(rights('method'), {%listen}, 'Require method GET');
is_deeply(rights('expr'),   {%listen}, 'Require expr, without the key');
is_deeply(rights('expr', undef, headers => ['X-Key' => 'sesame']), {%all},
    'Require expr, with it');
is_deeply(rights('if', 'alice'), {%all}, '<If method>: alice');
is_deeply(rights('if'), { %listen, post => 401 }, '<If method>: a stranger');

SKIP: {
    skip 'no mod_access_compat', 1
        unless Apache::Test::have_module('mod_access_compat');
    is_deeply(rights('satisfy-any', 'alice'), {%all}, 'Satisfy Any: alice');
    my %bob = %{ rights('satisfy-any', 'bob') };
    is($bob{connect}, 101,  'Satisfy Any: bob listens');
    is($bob{frame},   1008, '  and may not publish by frame');
    is($bob{post},    401,  '  nor by POST');
    is(rights('satisfy-any')->{connect}, 401, 'Satisfy Any: a stranger');
}

# by way of mod_rewrite
my $rewritten = ws('/auth-rewritten/rw');
$rewritten->send_text('x');
is($rewritten->await_close->{code}, 1008, '<Limit> behind a rewritten URL');
my $forbidden = ws('/auth/forbidden-by-rewrite?id=x');
$forbidden->send_text('x');
is($forbidden->await_close->{code}, 1008, 'a RewriteRule that forbids POST');

# files that other modules would find for the URL
make_path(server_root() . '/htdocs/auth-app/folder');
for my $file (qw(page.html folder/index.html)) {
    open my $out, '>', server_root() . "/htdocs/auth-app/$file" or die $!;
    close $out or die $!;
}
for my $url (qw(/auth-app/unknown /auth-app/page /auth-app/folder/ /auth-app/folder)) {
    my $ws = ws("$url?id=app", any => 1);
    is($ws->status, 101, "$url: connects");
    $ws->send_text('x');
    is($ws->await_close->{code}, 1008, '  and may not publish by frame');
    is(http(PUT => "$url?id=app", body => 'x')->status, 403, '  nor by PUT');
}

# --- publish places
is(ws('/auth/publish?id=x', any => 1)->status, 401, 'publish: a stranger');
my $alice = ws('/auth/publish?id=x', as('alice'));
$alice->send_text('x');
like($alice->recv->{payload}, qr/^queued messages/, 'publish: alice');
$alice->disconnect;
my $barred = ws('/auth/publish-limit?id=x', any => 1);
is($barred->status, 403, 'publish with <Limit POST>: no socket for who may not POST');
like($barred->body, qr/publishing is not allowed/, '  and says why');
is(ws('/auth/publish-limit?id=x', as('alice'))->status, 101, '  alice has one');

# --- who only listens or echoes needs no right to POST
my $listener = ws('/auth/subscribe?id=s');
http(POST => '/auth/listen?id=s', body => 'hello');
is($listener->recv->{payload}, 'hello', 'subscribe needs no right to POST');
$listener->disconnect;

# --- the question leaves no error in the log
my $mark = log_mark();
$listener = ws('/auth/none-posts?id=quiet');
$listener->fence;
$listener->disconnect;
my @errors = grep { /authz_core:error|client denied/ } split /\n/, log_since($mark);
is_deeply(\@errors, [], 'that a subscriber may not POST is no error');

# --- a refused handshake stays refused on the way to its ErrorDocument
make_path(server_root() . '/htdocs/auth-page');
open my $page, '>', server_root() . '/htdocs/auth-page/why.html' or die $!;
print {$page} "why\n";
close $page or die $!;
my $refused = ws('/auth/error-document?id=x', any => 1);
is($refused->status, 403, 'ErrorDocument in a place that is on: still 403');
is($refused->body, "why\n", '  with the page');
is(http(POST => '/auth/error-document?id=x', body => 'x')->body, "why\n",
    '  also for a POST');

done_testing();
