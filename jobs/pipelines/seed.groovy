// The credentials `ciprov-jenkins` are a user and its API token, with the permissions that docs/jobs.md names.
pipeline {
  agent { label 'ciprov' }
  options { disableConcurrentBuilds() }
  stages {
    stage('Check') {
      steps {
        sh 'ciprov jobs check jobs'
      }
    }
    stage('Sync') {
      steps {
        withCredentials([usernamePassword(
          credentialsId: 'ciprov-jenkins',
          usernameVariable: 'CIPROV_JENKINS_USER',
          passwordVariable: 'CIPROV_JENKINS_TOKEN'
        )]) {
          sh 'ciprov jobs sync jobs --jenkins-url "$JENKINS_URL" --prune -o json > synced.json'
        }
      }
    }
  }
  post {
    always { archiveArtifacts artifacts: 'synced.json', allowEmptyArchive: true }
  }
}
