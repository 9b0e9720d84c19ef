// Agents with the label `ciprov` have ciprov and its settings. Parameters come as variables, so that the shell quotes them.
pipeline {
  agent { label 'ciprov' }
  stages {
    stage('Blueprint') {
      steps {
        git url: params.REPOSITORY, branch: params.BRANCH
      }
    }
    stage('Up') {
      steps {
        sh 'ciprov env up "$NAME" --blueprint "$BLUEPRINT" --kind "$KIND" --ttl "$TTL" -o json > environment.json'
        sh 'ciprov env show "$NAME"'
      }
    }
  }
  post {
    always { archiveArtifacts artifacts: 'environment.json', allowEmptyArchive: true }
    failure { sh 'ciprov env status "$NAME" || true' }
  }
}
