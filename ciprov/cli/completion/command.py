"""`ciprov completion`."""

from __future__ import annotations

from importlib.resources import files

import click

from ciprov.cli.invocation import Invocation, pass_invocation

SHELLS = ("bash", "zsh", "fish")


@click.command("completion")
@click.argument("shell", type=click.Choice(SHELLS))
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="")
@pass_invocation
def completion(invocation: Invocation, /, *, shell: str, words: tuple[str, ...]) -> None:
    """Print the script that teaches SHELL to complete commands, options, and the names of environments and others.

    Names of environments and apps come from the records on this machine, those of clusters and templates from the
    settings file, those of agents from the running service. Nothing is started and no cluster is asked for them.

    \b
    Examples:
      source <(ciprov completion bash)
      ciprov completion bash > ~/.local/share/bash-completion/completions/ciprov
      ciprov completion zsh > "${fpath[1]}/_ciprov"
      ciprov completion fish > ~/.config/fish/completions/ciprov.fish
    """
    # The scripts call this very command with the words typed so far, the last of which is the one to complete.
    if words:
        from ciprov.cli.completion.answering import answer
        from ciprov.wiring.names import Names

        click.echo("".join(f"{line}\n" for line in answer(words, Names(invocation.options))), nl=False)
        return
    click.echo(files("ciprov.cli.completion").joinpath(f"ciprov.{shell}").read_text(encoding="utf-8"), nl=False)
